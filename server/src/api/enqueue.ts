import type { Job } from "../gen/fieldpost/v1/job.ts";
import type { EnqueueRequest } from "../gen/fieldpost/v1/relay.ts";
import { RelayError } from "../job/error.ts";
import type { ClaimedJob, JobRecord, NewJob } from "../job/job.ts";
import { initialState } from "../job/state.ts";
import { maxClaimingJobs } from "../store/store.ts";
import type { InsertResult } from "../store/store.ts";
import { traceOf, withSpan } from "../telemetry/carrier.ts";
import { ATTR_MESSAGING_MESSAGE_ID } from "../telemetry/attributes.ts";
import { markFailed, startEnqueueSpan } from "../telemetry/spans.ts";
import { noEntries } from "./check-http-target.ts";
import { checkEnqueueRequest } from "./check-job.ts";
import { toJobMessage } from "./job-message.ts";
import { jobName } from "./names.ts";
import { answerParts } from "./read-mask.ts";
import type { Call, Relay } from "./relay.ts";
import { queueFull } from "./status.ts";
import { Violations } from "./violations.ts";

/** What became of one job: it is there, by this call or since before. */
export type Kept = Extract<InsertResult, { kind: "stored" | "repeated" | "duplicate" }>;

export async function enqueue(relay: Relay, request: EnqueueRequest, call: Call): Promise<Job> {
  const now = relay.clock();
  const span = startEnqueueSpan(call.context, "default");
  try {
    const violations = new Violations();
    const job = checkEnqueueRequest(
      request,
      "",
      relay.limits,
      traceOf(withSpan(call.context, span)),
      now,
      violations,
    );
    violations.throwIfAny();
    span.setAttribute(ATTR_MESSAGING_MESSAGE_ID, job.uid);
    if (request.validateOnly) return toAnswer(job, undefined, now);
    const [kept] = (await store(relay, [job], now)) as [Kept];
    switch (kept.kind) {
      case "stored":
        return toAnswer(job, kept, now);
      case "repeated":
        return await repeatAnswer(relay, job, kept);
      case "duplicate":
        return await readDuplicate(relay, kept.id);
      default:
        return kept satisfies never;
    }
  } catch (error) {
    markFailed(span, error instanceof RelayError ? error.reason : "INTERNAL");
    throw error;
  } finally {
    span.end();
  }
}

/**
 * Stores the jobs, all or none, and hands those over that the insert claimed.
 *
 * @throws RelayError ALREADY_EXISTS, RESOURCE_EXHAUSTED
 */
export async function store(relay: Relay, jobs: readonly NewJob[], now: number): Promise<readonly Kept[]> {
  const results = await insert(relay, jobs, now, false);
  const kept = results.map((result) => {
    if (isKept(result)) return result;
    const isBatch = jobs.length > 1 && result.kind === "request-id-reused";
    throw toRefusal(result, isBatch ? `requests[${result.index}].` : "");
  });
  // An acknowledgement is worth what stands behind it.
  if (kept.length !== jobs.length) throw new Error(`${kept.length} of ${jobs.length} jobs were stored`);
  return kept;
}

/**
 * Stores each job that can be, and hands those over that the insert claimed.
 *
 * @returns for each job why it was refused, or undefined
 */
export async function storeEach(
  relay: Relay,
  jobs: readonly NewJob[],
  now: number,
): Promise<readonly (RelayError | undefined)[]> {
  const results = await insert(relay, jobs, now, true);
  if (results.length !== jobs.length) throw new Error(`${results.length} of ${jobs.length} jobs were judged`);
  return results.map((result) => (isKept(result) ? undefined : toRefusal(result, "")));
}

async function insert(
  relay: Relay,
  jobs: readonly NewJob[],
  now: number,
  each: boolean,
): Promise<readonly InsertResult[]> {
  const mayClaim = each || jobs.length <= maxClaimingJobs;
  const reserved = mayClaim ? relay.handOver.reserve(jobs.length) : 0;
  const claimed: ClaimedJob[] = [];
  try {
    const results = await relay.store.insert(relay.worker, jobs, now, { claimUpTo: reserved, each });
    for (const [index, result] of results.entries()) {
      if (result.kind !== "stored") continue;
      const job = jobs[index]!;
      if (result.claimed) claimed.push(toClaimed(job, result.key, now));
      else relay.handOver.announce(job.scheduleTime ?? now);
    }
    return results;
  } finally {
    relay.handOver.settle(reserved, claimed);
  }
}

function toClaimed(job: NewJob, key: number, now: number): ClaimedJob {
  const { createTime } = job;
  return {
    ...job,
    ...{ key, attempt: 1, attemptsBefore: 0, runTime: createTime, dueTime: now, claimTime: now },
    claimUptimeMs: performance.now(),
  };
}

function isKept(result: InsertResult): result is Kept {
  return result.kind === "stored" || result.kind === "repeated" || result.kind === "duplicate";
}

/** @param at path of the request inside the call, with a dot at its end; empty for the call itself */
function toRefusal(result: Exclude<InsertResult, Kept>, at: string): RelayError {
  switch (result.kind) {
    case "request-id-reused": {
      const message = `${at}request_id stood for another request before; nothing was stored`;
      return new RelayError("ALREADY_EXISTS", message, { reason: "REQUEST_ID_REUSED" });
    }
    case "id-taken": {
      const message = `${jobName(result.id)} exists already; nothing was stored`;
      return new RelayError("ALREADY_EXISTS", message, { reason: "JOB_ID_TAKEN" });
    }
    case "under-way": {
      const message = `another call stores ${jobName(result.id)} just now, with the same job_id, request_id or dedup_key; nothing was stored`;
      return new RelayError("UNAVAILABLE", message, { reason: "CALL_UNDER_WAY", retryDelayMs: 100 });
    }
    case "full":
      return queueFull(result, "nothing was stored");
    default:
      return result satisfies never;
  }
}

/** What the first call was answered. Of a job that is deleted, what it was asked for is all that is known. */
async function repeatAnswer(
  relay: Relay,
  job: NewJob,
  { key, revision, id, uid, createTime, state }: Extract<Kept, { kind: "repeated" }>,
): Promise<Job> {
  const found = await relay.store.get(id, specParts);
  // Not of another job, which has got the id since this one was deleted.
  const spec = found?.uid === uid ? found.spec : undefined;
  const { isRelative, scheduleTime } = job;
  const delayMs =
    isRelative === true && scheduleTime !== undefined ? scheduleTime - job.createTime : undefined;
  const first = { kind: "stored", key, revision, state, claimed: state === "DISPATCHING" } as const;
  const delayed = delayMs === undefined ? {} : { scheduleTime: createTime + delayMs };
  return toAnswer({ ...job, ...spec, ...delayed, id, uid, createTime }, first, createTime);
}

const specParts = new Set(["spec"] as const);

/** The job that has the dedup_key, as it is now. */
async function readDuplicate(relay: Relay, id: string): Promise<Job> {
  const record = await relay.store.get(id, answerParts);
  if (record !== undefined) return toJobMessage(record);
  const message = `${jobName(id)} had the dedup_key and was deleted just now; nothing was stored`;
  throw new RelayError("UNAVAILABLE", message, { reason: "JOB_DELETED", retryDelayMs: 0 });
}

/** The job as it was stored, without its body, which the caller has. */
function toAnswer(job: NewJob, stored: Extract<Kept, { kind: "stored" }> | undefined, now: number): Job {
  const { scheduleTime, expireTime, ...spec } = job;
  const state = stored?.state ?? initialState(scheduleTime, now);
  const record: JobRecord = {
    key: stored?.key ?? 0,
    id: job.id,
    uid: job.uid,
    queue: job.queue,
    state,
    priority: job.priority,
    createTime: job.createTime,
    updateTime: now,
    scheduleTime,
    expireTime,
    nextAttemptTime: stored?.claimed === true ? undefined : state === "SCHEDULED" ? scheduleTime : now,
    finishTime: undefined,
    attemptCount: stored?.claimed === true ? 1 : 0,
    runCount: 1,
    dedupKey: job.dedupKey,
    retentionMs: job.retentionMs,
    revision: stored?.revision ?? 0,
    spec: { ...spec, request: { ...job.request, body: noBytes, parameters: noEntries } },
  };
  return toJobMessage(record);
}

const noBytes = Buffer.alloc(0);
