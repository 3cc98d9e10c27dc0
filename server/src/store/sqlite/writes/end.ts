/** What callers ask for to end a job, to be rid of it, or to begin anew with it. */
import { isTerminal, nextState } from "../../../job/state.ts";
import type { CancelResult, DeleteResult, RetryResult } from "../../store.ts";
import { stateNumber, toRecord } from "../rows.ts";
import type { WriteOperation } from "./operations.ts";
import { findObstacle } from "./stage.ts";
import type { Transaction } from "./transaction.ts";

const CANCELLED = stateNumber("CANCELLED");

/** So long a call with a request_id is known at the least, though its job was deleted. */
export const requestMemoryMs = 24 * 3_600_000;

export function cancel(
  transaction: Transaction,
  { id, now, revision }: Extract<WriteOperation, { kind: "cancel" }>,
): CancelResult {
  const { sql } = transaction;
  const row = sql.readJob.get(id);
  if (row === undefined) return { kind: "not-found" };
  const before = toRecord(row);
  if (revision !== undefined && revision !== before.revision) return { kind: "changed" };
  if (nextState(before.state, "cancel") === undefined) return { kind: "ended", job: before };
  transaction.countEnd();
  transaction.waiting.forget();
  const worker = row["worker"] as number;
  sql.end.run(CANCELLED, now, now, ++transaction.revision, before.key);
  const isSending = before.state === "DISPATCHING";
  if (isSending) sql.cancelDispatching.run(before.key, worker, before.attemptCount, before.updateTime);
  return {
    kind: "cancelled",
    job: toRecord(sql.readJob.get(id)!),
    dispatching: isSending ? { worker, attempt: before.attemptCount } : undefined,
  };
}

export function retry(
  transaction: Transaction,
  { id, now, revision, maxDepth }: Extract<WriteOperation, { kind: "retry" }>,
): RetryResult {
  const { sql } = transaction;
  const row = sql.readJob.get(id);
  if (row === undefined) return { kind: "not-found" };
  const job = toRecord(row);
  if (revision !== undefined && revision !== job.revision) return { kind: "changed" };
  const next = nextState(job.state, "retry-now");
  if (next === undefined) return { kind: "not-restartable", state: job.state };
  if (sql.isStillSending.get(job.key) !== undefined) return { kind: "still-sending" };
  const isHeld = !isTerminal(job.state);
  if (!isHeld) {
    const duplicate = job.dedupKey === undefined ? undefined : sql.findDuplicate.get(job.queue, job.dedupKey);
    const obstacle =
      duplicate === undefined ? undefined : findObstacle(transaction, duplicate["key"] as number, 0);
    if (duplicate !== undefined && obstacle !== undefined) {
      return { kind: obstacle === "job" ? "duplicate" : obstacle, id: duplicate["id"] as string };
    }
    if (transaction.depth + 1 > maxDepth) return { kind: "full", depth: transaction.depth, limit: maxDepth };
    transaction.depth++;
    transaction.ended--;
  }
  sql.restart.run(stateNumber(next), now, now, now, ++transaction.revision, job.key);
  transaction.waiting.forget();
  return { kind: "restarted" };
}

export function deleteJob(
  transaction: Transaction,
  { id, revision, now }: Extract<WriteOperation, { kind: "delete" }>,
): DeleteResult {
  const { sql } = transaction;
  const row = sql.readJob.get(id);
  if (row === undefined) return { kind: "not-found" };
  const job = toRecord(row);
  if (revision !== undefined && revision !== job.revision) return { kind: "changed" };
  if (!isTerminal(job.state)) return { kind: "not-ended", state: job.state };
  remove(transaction, job.key, job.createTime, now);
  return { kind: "deleted" };
}

/** A job that has ended, with all that belongs to it; its request_id is known for a while yet. */
export function remove(transaction: Transaction, key: number, createTime: number, now: number): void {
  const { sql } = transaction;
  transaction.ended--;
  for (const statement of [sql.deleteJob, sql.deleteSpec, sql.deleteAttempts, sql.forgetCancelled]) {
    statement.run(key);
  }
  // The clock may have gone back since.
  sql.forgetRequest.run(Math.max(now, Math.min(now, createTime) + requestMemoryMs), key);
}
