import { Job } from "../gen/fieldpost/v1/job.ts";
import type { EnqueueRequest } from "../gen/fieldpost/v1/relay.ts";
import { RelayError } from "../job/error.ts";
import type { NewJob } from "../job/job.ts";
import { initialState } from "../job/state.ts";
import { traceOf, withSpan } from "../telemetry/carrier.ts";
import { markFailed, startEnqueueSpan } from "../telemetry/spans.ts";
import { checkEnqueueRequest } from "./check-job.ts";
import { store } from "./enqueue.ts";
import type { Kept } from "./enqueue.ts";
import { stateMessage } from "./job-message.ts";
import { jobName, quote } from "./names.ts";
import type { Call, Relay } from "./relay.ts";
import { inSlices, mapSequence } from "./slices.ts";
import type { Sequence } from "./slices.ts";
import { Violations } from "./violations.ts";

const maxRequests = 10_000;

/** A BatchEnqueueRequest whose requests are looked at once, one after the other. */
export interface BatchRequest {
  readonly requests: Sequence<EnqueueRequest>;
}

/** A BatchEnqueueResponse, likewise. */
export interface BatchResponse {
  readonly jobs: Sequence<Job>;
}

export async function batchEnqueue(
  relay: Relay,
  { requests }: BatchRequest,
  call: Call,
): Promise<BatchResponse> {
  const now = relay.clock();
  const span = startEnqueueSpan(call.context, "default", requests.length);
  try {
    const violations = new Violations();
    if (requests.length === 0 || requests.length > maxRequests) {
      violations.add("requests", `are ${requests.length}, must be from 1 to ${maxRequests}`);
      violations.throwIfAny();
    }
    const trace = traceOf(withSpan(call.context, span));
    let validateOnly = false;
    const ids = new Set<string>();
    const requestIds = new Set<string>();
    const jobs: NewJob[] = [];
    await inSlices(requests, (request, index) => {
      const at = `requests[${index}].`;
      const job = checkEnqueueRequest(request, at, relay.limits, trace, now, violations);
      if (ids.has(job.id)) violations.add(`${at}job_id`, `${quote(job.id)} stands in this batch already`);
      ids.add(job.id);
      const requestId = request.requestId.toLowerCase();
      if (requestId !== "" && requestIds.has(requestId)) {
        violations.add(`${at}request_id`, `${quote(requestId)} stands in this batch already`);
      }
      requestIds.add(requestId);
      if (index === 0) ({ validateOnly } = request);
      if (request.validateOnly !== validateOnly) {
        violations.add(`${at}validate_only`, "must be the same in all requests of a batch");
      }
      jobs.push(job);
    });
    violations.throwIfAny();
    const kept = validateOnly ? [] : await store(relay, jobs, now);
    return { jobs: mapSequence(jobs, (job, index) => toAnswer(job, kept[index], now)) };
  } catch (error) {
    markFailed(span, error instanceof RelayError ? error.reason : "INTERNAL");
    throw error;
  } finally {
    span.end();
  }
}

/** @param kept undefined: it was only to be checked */
function toAnswer(job: NewJob, kept: Kept | undefined, now: number): Job {
  const { id, uid } = kept === undefined || kept.kind === "stored" ? job : kept;
  const state = kept?.state ?? initialState(job.scheduleTime, now);
  return Job.create({ name: jobName(id), uid, state: stateMessage(state) });
}
