/** The leases of workers, and what becomes of their jobs when they are lost. */
import type { RecoverOptions, RecoverResult } from "../../store.ts";
import { lostAttempt } from "../../store.ts";
import { encodePassage } from "../passage.ts";
import { decodeRetryPolicy } from "../retry-policy.ts";
import { ambiguityPolicies, stateNumber } from "../rows.ts";
import type { Row } from "../rows.ts";
import type { WriteOperation } from "./operations.ts";
import { discardStage } from "./stage.ts";
import type { Transaction } from "./transaction.ts";

const QUEUED = stateNumber("QUEUED");
const DISPATCHING = stateNumber("DISPATCHING");
const RETRYING = stateNumber("RETRYING");
const FAILED = stateNumber("FAILED");

export function register(
  { sql }: Transaction,
  { name, leaseTime }: Extract<WriteOperation, { kind: "register" }>,
): number {
  return Number(sql.register.run(name, leaseTime).lastInsertRowid);
}

/** The lease counts from now: what the call waited for the lock is not taken from it. */
export function renew(
  { sql }: Transaction,
  { worker, leaseTime, askedTime }: Extract<WriteOperation, { kind: "renew" }>,
): boolean {
  return sql.renew.run(leaseTime + Math.max(0, Date.now() - askedTime), worker).changes === 1;
}

export function release(transaction: Transaction, worker: number): undefined {
  transaction.sql.release.run(worker);
  transaction.forgetRegistered();
}

export function recover(
  transaction: Transaction,
  { now, lost, leasesEndedBy }: Required<RecoverOptions>,
): RecoverResult {
  const { sql } = transaction;
  const counts = { requeued: 0, failed: 0, held: 0 };
  for (const { number, name, lease_time: lease } of sql.workers.all()) {
    if ((lease as number) > leasesEndedBy && !lost.includes(name as string)) continue;
    const worker = { number: number as number, name: name as string };
    for (const job of sql.jobsOfWorker.all(worker.number)) {
      counts[recoverJob(transaction, job, worker, now)]++;
    }
    for (const cancelled of sql.cancelledOfWorker.all(worker.number)) {
      const key = cancelled["key"] as number;
      sql.forgetCancelled.run(key);
      sql.touch.run(now, ++transaction.revision, key);
      addLost(transaction, {
        key,
        attempt: cancelled["attempt"] as number,
        claimTime: cancelled["claim_time"] as number,
        dueTime: undefined,
        worker: worker.name,
        now,
      });
    }
    sql.forget.run(worker.number);
    transaction.forgetRegistered();
  }
  for (const { number } of sql.orphanedStages.all()) discardStage(transaction, number as number);
  if (counts.requeued > 0) transaction.waiting.forget();
  return counts;
}

function recoverJob(
  transaction: Transaction,
  job: Row,
  worker: { readonly number: number; readonly name: string },
  now: number,
): keyof RecoverResult {
  const { sql } = transaction;
  const key = job["key"] as number;
  const attempt = job["attempt_count"] as number;
  const policy = ambiguityPolicies[job["ambiguity"] as number]!;
  if (policy !== "retry" && job["begun_attempt"] !== attempt) {
    sql.giveBack.run(QUEUED, now, now, ++transaction.revision, key, worker.number, attempt, DISPATCHING);
    return "requeued";
  }
  addLost(transaction, {
    key,
    attempt,
    claimTime: job["update_time"] as number,
    dueTime: job["due_time"] as number,
    worker: worker.name,
    now,
  });
  if (policy === "hold") {
    sql.hold.run(now, now, ++transaction.revision, key);
    return "held";
  }
  const attemptsOfRun = attempt - (job["attempts_before"] as number);
  const { maxAgeMs = Number.POSITIVE_INFINITY } = decodeRetryPolicy(job["retry"] as string);
  const isTooOld = now > (job["run_time"] as number) + maxAgeMs;
  if (policy === "fail" || isTooOld || attemptsOfRun >= (job["max_attempts"] as number)) {
    transaction.countEnd();
    sql.end.run(FAILED, now, now, ++transaction.revision, key);
    return "failed";
  }
  sql.requeue.run(RETRYING, now, now, ++transaction.revision, key);
  return "requeued";
}

/** An attempt of which nothing is known but that it was claimed. */
function addLost(
  transaction: Transaction,
  attempt: {
    readonly key: number;
    readonly attempt: number;
    readonly claimTime: number;
    readonly dueTime: number | undefined;
    readonly worker: string;
    readonly now: number;
  },
): void {
  const { claimTime, dueTime } = attempt;
  transaction.addAttempt({
    key: attempt.key,
    attempt: attempt.attempt,
    result: "outcome-unknown",
    // The last thing that is known.
    startTime: claimTime,
    endTime: attempt.now,
    httpStatus: 0,
    worker: attempt.worker,
    errorReason: lostAttempt.reason,
    errorMessage: lostAttempt.message,
    responseTruncated: null,
    responseHeaders: null,
    responseBody: null,
    passage: encodePassage({ dueTime, claimTime, startTime: claimTime, passage: {} }),
  });
}
