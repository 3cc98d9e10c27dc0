import type { Job } from "../gen/fieldpost/v1/job.ts";
import type { EnqueueRequest } from "../gen/fieldpost/v1/relay.ts";
import { RelayError } from "../job/error.ts";
import type { ClaimedJob, JobRecord, NewJob } from "../job/job.ts";
import { initialState } from "../job/state.ts";
import type { InsertResult } from "../store/store.ts";
import { traceOf, withSpan } from "../telemetry/carrier.ts";
import { ATTR_MESSAGING_MESSAGE_ID } from "../telemetry/attributes.ts";
import { markFailed, startEnqueueSpan } from "../telemetry/spans.ts";
import { checkEnqueueRequest } from "./check-job.ts";
import { toJobMessage } from "./job-message.ts";
import { jobName } from "./names.ts";
import type { Call, Relay } from "./relay.ts";
import { Violations } from "./violations.ts";

export type Stored = Extract<InsertResult, { kind: "stored" }>;

/** After so long a caller that met a full queue may try again. */
const fullRetryMs = 1000;

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
    const [stored] = await store(relay, [job], now);
    return toAnswer(job, stored, now);
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
export async function store(relay: Relay, jobs: readonly NewJob[], now: number): Promise<readonly Stored[]> {
  const reserved = relay.handOver.reserve(jobs.length);
  const claimed: ClaimedJob[] = [];
  try {
    const results = await relay.store.insert(relay.worker, jobs, now, { claimUpTo: reserved });
    const stored = results.map((result) => assertStored(result));
    // An acknowledgement is worth what stands behind it.
    if (stored.length !== jobs.length) throw new Error(`${stored.length} of ${jobs.length} jobs were stored`);
    for (const [index, { key, claimed: isClaimed }] of stored.entries()) {
      const job = jobs[index]!;
      if (isClaimed) claimed.push({ ...job, key, attempt: 1 });
      else relay.handOver.announce(job.scheduleTime ?? now);
    }
    return stored;
  } finally {
    relay.handOver.settle(reserved, claimed);
  }
}

function assertStored(result: InsertResult): Stored {
  switch (result.kind) {
    case "stored":
      return result;
    case "id-taken":
      throw new RelayError("ALREADY_EXISTS", `${jobName(result.id)} exists already; nothing was stored`, {
        reason: "JOB_ID_TAKEN",
      });
    case "full":
      throw new RelayError(
        "RESOURCE_EXHAUSTED",
        `the queue holds ${result.depth} unfinished jobs and may hold ${result.limit}; nothing was stored`,
        { reason: "QUEUE_FULL", retryDelayMs: fullRetryMs },
      );
    default:
      return result satisfies never;
  }
}

/** The job as it was stored, without its body, which the caller has. */
function toAnswer(job: NewJob, stored: Stored | undefined, now: number): Job {
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
    revision: stored?.revision ?? 0,
    spec: { ...spec, request: { ...job.request, body: noBytes, parameters: noParameters } },
  };
  return toJobMessage(record);
}

const noBytes = Buffer.alloc(0);
const noParameters: ReadonlyMap<string, string> = new Map();
