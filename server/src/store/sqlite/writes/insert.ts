import { initialState, jobStates } from "../../../job/state.ts";
import type { JobState } from "../../../job/state.ts";
import type { InsertResult } from "../../store.ts";
import { stateNumber } from "../rows.ts";
import type { NewJobRow } from "../rows.ts";
import type { WriteOperation } from "./operations.ts";
import { findObstacle, workerOfStage } from "./stage.ts";
import type { Transaction } from "./transaction.ts";

const RETRY = 0;
const noJobs: ReadonlySet<NewJobRow> = new Set();

type Insert = Extract<WriteOperation, { kind: "insert" }>;

/** Stores the jobs that are new: all or none, or each that can be. @returns undefined if their stage is given up */
export function insert(transaction: Transaction, operation: Insert): InsertResult[] | undefined {
  const { stage, claimUpTo } = operation;
  if (stage > 0 && transaction.sql.isStageOpen.get(stage) === undefined) return undefined;
  const mayClaim =
    claimUpTo > 0 &&
    transaction.waiting.dueTime > operation.now &&
    transaction.isRegistered(operation.worker);
  const claims = mayClaim ? chooseClaims(transaction, operation) : noJobs;
  return operation.each
    ? insertEach(transaction, operation, claims)
    : insertAll(transaction, operation, claims);
}

function insertEach(
  transaction: Transaction,
  { jobs, now, worker, maxDepth }: Insert,
  claims: ReadonlySet<NewJobRow>,
): InsertResult[] {
  return jobs.map((job, index) => {
    const earlier = findEarlier(transaction, job, index, 0);
    if (earlier !== undefined) return earlier;
    if (transaction.depth >= maxDepth) return { kind: "full", depth: transaction.depth, limit: maxDepth };
    return insertJob(transaction, job, now, claims.has(job) ? worker : undefined);
  });
}

function insertAll(
  transaction: Transaction,
  { jobs, now, worker, maxDepth, stage }: Insert,
  claims: ReadonlySet<NewJobRow>,
): InsertResult[] {
  const known: (InsertResult | undefined)[] = [];
  const ids = new Set<string>();
  let fresh = 0;
  for (const [index, job] of jobs.entries()) {
    const earlier = findEarlier(transaction, job, index, stage);
    if (earlier !== undefined && isRefusal(earlier)) return [earlier];
    known.push(earlier);
    if (earlier !== undefined) continue;
    if (ids.has(job.id)) return [{ kind: "id-taken", id: job.id }];
    if (jobs.length > 1) ids.add(job.id);
    fresh++;
  }
  // A stage has reserved its places.
  if (stage === 0 && fresh > 0 && transaction.depth + fresh > maxDepth) {
    return [{ kind: "full", depth: transaction.depth, limit: maxDepth }];
  }
  return jobs.map(
    (job, index) =>
      known[index] ??
      // Of two in one batch the second one finds the first only now.
      (jobs.length > 1 ? findDuplicate(transaction, job, stage) : undefined) ??
      insertJob(transaction, job, now, claims.has(job) ? worker : undefined, stage),
  );
}

function isRefusal({ kind }: InsertResult): boolean {
  return kind !== "repeated" && kind !== "duplicate";
}

/** What was stored before and leaves nothing to store, or keeps the job out. */
function findEarlier(
  transaction: Transaction,
  job: NewJobRow,
  index: number,
  stage: number,
): InsertResult | undefined {
  return (
    findRepeated(transaction, job, index, stage) ??
    findDuplicate(transaction, job, stage) ??
    findTaken(transaction, job, stage)
  );
}

/** Of the jobs that are due at once, the first ones of the highest priorities. */
function chooseClaims(
  transaction: Transaction,
  { jobs, now, claimUpTo: limit }: Insert,
): ReadonlySet<NewJobRow> {
  const due = jobs.filter(
    ({ scheduleTime, expireTime, ambiguity, url }) =>
      ambiguity === RETRY &&
      initialState(scheduleTime ?? undefined, now) === "QUEUED" &&
      (expireTime === null || expireTime > now) &&
      transaction.blockedUntil(url, now) === 0,
  );
  if (due.length > limit) due.sort((one, other) => other.priority - one.priority);
  return new Set(due.slice(0, limit));
}

function findRepeated(
  transaction: Transaction,
  job: NewJobRow,
  index: number,
  stage: number,
): InsertResult | undefined {
  const { requestId, contentHash } = job;
  if (requestId === null || contentHash === null) return undefined;
  const row = transaction.sql.findRequest.get(requestId);
  if (row === undefined) return undefined;
  const key = row["key"] as number;
  const obstacle = findObstacle(transaction, key, stage);
  if (obstacle !== "job") return obstacle && { kind: obstacle, id: row["job_id"] as string };
  if (Buffer.compare(row["content_hash"] as Uint8Array, contentHash) !== 0)
    return { kind: "request-id-reused", index };
  return {
    kind: "repeated",
    key,
    revision: key,
    id: row["job_id"] as string,
    uid: row["uid"] as string,
    createTime: row["create_time"] as number,
    state: jobStates[row["state"] as number]!,
  };
}

function findDuplicate(transaction: Transaction, job: NewJobRow, stage: number): InsertResult | undefined {
  if (job.dedupKey === null) return undefined;
  const row = transaction.sql.findDuplicate.get(job.queue, job.dedupKey);
  if (row === undefined) return undefined;
  const id = row["id"] as string;
  const obstacle = findObstacle(transaction, row["key"] as number, stage);
  if (obstacle !== "job") return obstacle && { kind: obstacle, id };
  return {
    kind: "duplicate",
    id,
    uid: (row["uid"] as string | null) ?? id,
    state: jobStates[row["state"] as number]!,
  };
}

function findTaken(transaction: Transaction, { id }: NewJobRow, stage: number): InsertResult | undefined {
  const row = transaction.sql.findId.get(id);
  if (row === undefined) return undefined;
  const obstacle = findObstacle(transaction, row["key"] as number, stage);
  return obstacle && { kind: obstacle === "job" ? "id-taken" : obstacle, id };
}

/**
 * @param worker that claims it; undefined: it waits
 * @param stage that it belongs to; 0: none
 */
function insertJob(
  transaction: Transaction,
  job: NewJobRow,
  now: number,
  worker: number | undefined,
  stage = 0,
): InsertResult {
  const { sql, waiting } = transaction;
  const key = ++transaction.revision;
  if (stage === 0) transaction.depth++;
  const waits = initialState(job.scheduleTime ?? undefined, now);
  const claimed = worker !== undefined;
  const state: JobState = claimed ? "DISPATCHING" : waits;
  const dueTime = waits === "SCHEDULED" ? (job.scheduleTime ?? now) : now;
  if (!claimed && stage === 0) waiting.add(dueTime);
  sql.insertJob.run(
    key,
    job.id,
    job.uid,
    job.queue,
    stateNumber(state),
    job.priority,
    dueTime,
    job.expireTime,
    job.scheduleTime,
    claimed ? 1 : 0,
    job.maxAttempts,
    worker ?? (stage === 0 ? 0 : workerOfStage(stage)),
    job.createTime,
    now,
    key,
    job.dedupKey,
    job.ambiguity,
    job.retention,
    job.isRelative,
    job.isAging === 1 ? job.createTime : null,
  );
  sql.insertSpec.run(
    key,
    job.method,
    job.url,
    job.headers,
    job.parameters,
    job.retry,
    job.attemptTimeout,
    job.labels,
    job.traceparent,
    job.tracestate,
    job.body,
  );
  const { requestId, contentHash } = job;
  if (requestId !== null && contentHash !== null) {
    const uid = job.uid ?? job.id;
    sql.insertRequest.run(key, requestId, contentHash, job.id, uid, job.createTime, stateNumber(state));
  }
  return { kind: "stored", key, revision: key, state, claimed };
}
