import { initialState, jobStates } from "../../../job/state.ts";
import type { JobState } from "../../../job/state.ts";
import type { InsertResult } from "../../store.ts";
import { stateNumber } from "../rows.ts";
import type { NewJobRow } from "../rows.ts";
import type { WriteOperation } from "./operations.ts";
import type { Transaction } from "./transaction.ts";

const RETRY = 0;
const noJobs: ReadonlySet<NewJobRow> = new Set();

type Insert = Extract<WriteOperation, { kind: "insert" }>;

/** Stores the jobs that are new: all or none, or each that can be. */
export function insert(transaction: Transaction, operation: Insert): InsertResult[] {
  const mayClaim =
    operation.claimUpTo > 0 &&
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
    const earlier = findRepeated(transaction, job, index) ?? findDuplicate(transaction, job);
    if (earlier !== undefined) return earlier;
    if (transaction.sql.hasId.get(job.id) !== undefined) return { kind: "id-taken", id: job.id };
    if (transaction.depth >= maxDepth) return { kind: "full", depth: transaction.depth, limit: maxDepth };
    return insertJob(transaction, job, now, claims.has(job) ? worker : undefined);
  });
}

function insertAll(
  transaction: Transaction,
  { jobs, now, worker, maxDepth }: Insert,
  claims: ReadonlySet<NewJobRow>,
): InsertResult[] {
  const known: (InsertResult | undefined)[] = [];
  const ids = new Set<string>();
  let fresh = 0;
  for (const [index, job] of jobs.entries()) {
    const earlier = findRepeated(transaction, job, index) ?? findDuplicate(transaction, job);
    if (earlier?.kind === "request-id-reused") return [earlier];
    known.push(earlier);
    if (earlier !== undefined) continue;
    if (ids.has(job.id) || transaction.sql.hasId.get(job.id) !== undefined) {
      return [{ kind: "id-taken", id: job.id }];
    }
    if (jobs.length > 1) ids.add(job.id);
    fresh++;
  }
  if (fresh > 0 && transaction.depth + fresh > maxDepth) {
    return [{ kind: "full", depth: transaction.depth, limit: maxDepth }];
  }
  return jobs.map(
    (job, index) =>
      known[index] ??
      // Of two in one batch the second one finds the first only now.
      (jobs.length > 1 ? findDuplicate(transaction, job) : undefined) ??
      insertJob(transaction, job, now, claims.has(job) ? worker : undefined),
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

function findRepeated({ sql }: Transaction, job: NewJobRow, index: number): InsertResult | undefined {
  const { requestId, contentHash } = job;
  if (requestId === null || contentHash === null) return undefined;
  const row = sql.findRequest.get(requestId);
  if (row === undefined) return undefined;
  if (Buffer.compare(row["content_hash"] as Uint8Array, contentHash) !== 0)
    return { kind: "request-id-reused", index };
  return {
    kind: "repeated",
    key: row["key"] as number,
    revision: row["key"] as number,
    id: row["job_id"] as string,
    uid: row["uid"] as string,
    createTime: row["create_time"] as number,
    state: jobStates[row["state"] as number]!,
  };
}

function findDuplicate({ sql }: Transaction, job: NewJobRow): InsertResult | undefined {
  if (job.dedupKey === null) return undefined;
  const row = sql.findDuplicate.get(job.queue, job.dedupKey);
  if (row === undefined) return undefined;
  const id = row["id"] as string;
  return {
    kind: "duplicate",
    id,
    uid: (row["uid"] as string | null) ?? id,
    state: jobStates[row["state"] as number]!,
  };
}

/** @param worker that claims it; undefined: it waits */
function insertJob(
  transaction: Transaction,
  job: NewJobRow,
  now: number,
  worker: number | undefined,
): InsertResult {
  const { sql, waiting } = transaction;
  const key = ++transaction.revision;
  transaction.depth++;
  const waits = initialState(job.scheduleTime ?? undefined, now);
  const claimed = worker !== undefined;
  const state: JobState = claimed ? "DISPATCHING" : waits;
  const dueTime = waits === "SCHEDULED" ? (job.scheduleTime ?? now) : now;
  if (!claimed) waiting.add(dueTime);
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
    worker ?? 0,
    job.createTime,
    now,
    key,
    job.dedupKey,
    job.ambiguity,
    job.retention,
    job.isRelative,
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
