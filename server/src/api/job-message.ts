/** From a stored job to the message that a caller gets. */
import { AmbiguityPolicy, AttemptResult, Jitter, JobState } from "../gen/fieldpost/v1/job.ts";
import type { Attempt as AttemptMessage, Job } from "../gen/fieldpost/v1/job.ts";
import type { Status } from "../gen/google/rpc/status.ts";
import type {
  AmbiguityPolicy as AmbiguityPolicyWord,
  Attempt,
  AttemptResult as AttemptResultWord,
  Failure,
  HttpResponse,
  JobRecord,
} from "../job/job.ts";
import type { Jitter as JitterWord } from "../job/job.ts";
import type { JobState as JobStateWord } from "../job/state.ts";
import { toEtag } from "./etag.ts";
import { jobName, queueName } from "./names.ts";
import { errorInfo } from "./status.ts";
import { optionalDuration, toDate, toDuration } from "./wire-time.ts";

export const stateMessage = (state: JobStateWord): JobState => JobState[`JOB_STATE_${state}`];

const jitters: { readonly [J in JitterWord]: Jitter } = {
  none: Jitter.JITTER_NONE,
  full: Jitter.JITTER_FULL,
  equal: Jitter.JITTER_EQUAL,
};

const ambiguityPolicies: { readonly [P in AmbiguityPolicyWord]: AmbiguityPolicy } = {
  retry: AmbiguityPolicy.AMBIGUITY_POLICY_RETRY,
  fail: AmbiguityPolicy.AMBIGUITY_POLICY_FAIL,
  hold: AmbiguityPolicy.AMBIGUITY_POLICY_HOLD,
};

const results: { readonly [R in AttemptResultWord]: AttemptResult } = {
  succeeded: AttemptResult.ATTEMPT_RESULT_SUCCEEDED,
  failed: AttemptResult.ATTEMPT_RESULT_FAILED,
  "not-sent": AttemptResult.ATTEMPT_RESULT_NOT_SENT,
  "outcome-unknown": AttemptResult.ATTEMPT_RESULT_OUTCOME_UNKNOWN,
};

/** All that the record holds; what was not read from the store stays unset. */
export function toJobMessage(record: JobRecord): Job {
  const { spec, response } = record;
  return {
    name: jobName(record.id),
    uid: record.uid,
    etag: toEtag(record.revision),
    queue: queueName(record.queue),
    state: stateMessage(record.state),
    target:
      spec === undefined
        ? undefined
        : {
            $case: "http",
            http: {
              method: spec.request.method,
              url: spec.request.url,
              headers: [...spec.request.headers],
              body: toBuffer(spec.request.body),
              parameters: new Map(spec.request.parameters),
            },
          },
    scheduleTime: toDate(record.scheduleTime),
    expireTime: toDate(record.expireTime),
    priority: record.priority,
    dedupKey: record.dedupKey ?? "",
    maxAttempts: spec?.maxAttempts ?? 0,
    retryPolicy:
      spec === undefined
        ? undefined
        : {
            initialBackoff: toDuration(spec.retryPolicy.initialBackoffMs),
            maxBackoff: toDuration(spec.retryPolicy.maxBackoffMs),
            multiplier: spec.retryPolicy.multiplier,
            jitter: jitters[spec.retryPolicy.jitter],
            maxAge: optionalDuration(spec.retryPolicy.maxAgeMs),
            retryStatuses: spec.retryPolicy.retryStatuses?.map((range) => ({ ...range })) ?? [],
          },
    attemptTimeout: spec === undefined ? undefined : toDuration(spec.attemptTimeoutMs),
    ambiguityPolicy:
      spec === undefined
        ? AmbiguityPolicy.AMBIGUITY_POLICY_UNSPECIFIED
        : ambiguityPolicies[spec.ambiguityPolicy],
    source: "",
    labels: new Map(spec?.labels),
    retention: optionalDuration(record.retentionMs),
    createTime: toDate(record.createTime),
    updateTime: toDate(record.updateTime),
    nextAttemptTime: toDate(record.nextAttemptTime),
    finishTime: toDate(record.finishTime),
    attemptCount: record.attemptCount,
    attempts: record.attempts?.map(toAttemptMessage) ?? [],
    response: response === undefined ? undefined : toResponseMessage(response),
    lastError: record.lastError === undefined ? undefined : toStatus(record.lastError),
    blockedBy: "",
    schedule: "",
    traceContext: spec === undefined || spec.trace.traceparent === "" ? undefined : { ...spec.trace },
    runCount: record.runCount,
  };
}

function toAttemptMessage(attempt: Attempt): AttemptMessage {
  const { passage = {} } = attempt;
  return {
    number: attempt.number,
    result: results[attempt.result],
    startTime: toDate(attempt.startTime),
    endTime: toDate(attempt.endTime),
    httpStatus: attempt.httpStatus,
    error: attempt.error === undefined ? undefined : toStatus(attempt.error),
    worker: attempt.worker,
    dueTime: toDate(attempt.dueTime),
    claimTime: toDate(attempt.claimTime),
    resolveTime: toDate(passage.resolveTime),
    connectTime: toDate(passage.connectTime),
    tlsTime: toDate(passage.tlsTime),
    sendTime: toDate(passage.sendTime),
    firstByteTime: toDate(passage.firstByteTime),
    localAddress: passage.localAddress ?? "",
    remoteAddress: passage.remoteAddress ?? "",
    sentBytes: BigInt(passage.sentBytes ?? 0),
    receivedBytes: BigInt(passage.receivedBytes ?? 0),
    retryAfterTime: toDate(passage.retryAfterTime),
  };
}

function toResponseMessage(response: HttpResponse): Job["response"] {
  return {
    status: response.status,
    headers: [...response.headers],
    body: toBuffer(response.body),
    truncated: response.truncated,
  };
}

/** google.rpc.Code UNKNOWN: the reason in ErrorInfo says more than any code of gRPC could. */
const UNKNOWN = 2;

function toStatus(failure: Failure): Status {
  return { code: UNKNOWN, message: failure.message, details: [errorInfo(failure.reason)] };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
