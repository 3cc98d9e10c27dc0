/** Between the words of job/ and the columns of the tables. */
import type { SQLOutputValue } from "node:sqlite";
import type {
  AmbiguityPolicy,
  Attempt,
  AttemptResult,
  ClaimedJob,
  Failure,
  FailureReason,
  Header,
  HttpResponse,
  JobRecord,
  JobSpec,
  NewJob,
} from "../../job/job.ts";
import { jobStates } from "../../job/state.ts";
import type { JobState } from "../../job/state.ts";
import type { FinishedAttempt } from "../store.ts";
import { decodePassage, encodePassage } from "./passage.ts";
import { decodeRetryPolicy, encodeRetryPolicy } from "./retry-policy.ts";

export type Row = Record<string, SQLOutputValue>;

const noBytes = new Uint8Array(0);

const stateNumbers = new Map(jobStates.map((state, number) => [state, number]));

/** The number that stands for a state in the column. */
export function stateNumber(state: JobState): number {
  return stateNumbers.get(state) ?? -1;
}

/** What a row of `job` must fulfil to be seen: it is not of a batch that is not whole. */
export const isVisible = `NOT (job.worker < -1
  AND EXISTS (SELECT 1 FROM stage WHERE number = -1 - job.worker AND stage.state <> 1))`;

/** The column `ambiguity` has the index. Append only. */
export const ambiguityPolicies: readonly AmbiguityPolicy[] = ["retry", "fail", "hold"];

function encodeHeaders(headers: readonly Header[]): string {
  if (headers.length === 0) return "[]";
  const flat: string[] = [];
  for (const header of headers) flat.push(header.name, header.value);
  return JSON.stringify(flat);
}

function decodeHeaders(text: string): Header[] {
  const flat = JSON.parse(text) as string[];
  const headers: Header[] = [];
  for (let i = 0; i < flat.length; i += 2) headers.push({ name: flat[i]!, value: flat[i + 1]! });
  return headers;
}

const encodeMap = (map: ReadonlyMap<string, string>): string | null =>
  map.size === 0 ? null : JSON.stringify([...map]);

const noEntries: ReadonlyMap<string, string> = new Map();

const decodeMap = (text: string | null): ReadonlyMap<string, string> =>
  text === null ? noEntries : new Map(JSON.parse(text) as [string, string][]);

/** A new job on its way to the writing thread: the values of its columns. */
export interface NewJobRow {
  readonly id: string;
  /** null: the same as id. */
  readonly uid: string | null;
  readonly queue: string;
  readonly priority: number;
  readonly createTime: number;
  readonly scheduleTime: number | null;
  readonly expireTime: number | null;
  readonly maxAttempts: number;
  readonly method: string;
  readonly url: string;
  readonly headers: string;
  readonly parameters: string | null;
  readonly retry: string;
  readonly attemptTimeout: number;
  readonly labels: string | null;
  readonly traceparent: string;
  readonly tracestate: string;
  readonly body: Uint8Array | null;
  readonly dedupKey: string | null;
  readonly ambiguity: number;
  readonly requestId: Uint8Array | null;
  readonly contentHash: Uint8Array | null;
  readonly retention: number | null;
  readonly isRelative: number;
  /** 1: the retry policy has a maxAgeMs. */
  readonly isAging: number;
}

export function toRow(job: NewJob): NewJobRow {
  const { request, retryPolicy, trace } = job;
  return {
    id: job.id,
    uid: job.uid === job.id ? null : job.uid,
    queue: job.queue,
    priority: job.priority,
    createTime: job.createTime,
    scheduleTime: job.scheduleTime ?? null,
    expireTime: job.expireTime ?? null,
    maxAttempts: job.maxAttempts,
    method: request.method,
    url: request.url,
    headers: encodeHeaders(request.headers),
    parameters: encodeMap(request.parameters),
    retry: encodeRetryPolicy(retryPolicy),
    attemptTimeout: job.attemptTimeoutMs,
    labels: encodeMap(job.labels),
    traceparent: trace.traceparent,
    tracestate: trace.tracestate,
    body: request.body.length === 0 ? null : request.body,
    dedupKey: job.dedupKey ?? null,
    ambiguity: ambiguityPolicies.indexOf(job.ambiguityPolicy),
    requestId: job.requestIdentity?.id ?? null,
    contentHash: job.requestIdentity?.contentHash ?? null,
    retention: job.retentionMs ?? null,
    isRelative: job.isRelative === true ? 1 : 0,
    isAging: retryPolicy.maxAgeMs === undefined ? 0 : 1,
  };
}

/** The columns of `spec`, joined with max_attempts and ambiguity of `job`; `body` may be missing. */
export function toSpec(row: Row): JobSpec {
  return {
    request: {
      method: row["method"] as string,
      url: row["url"] as string,
      headers: decodeHeaders(row["headers"] as string),
      parameters: decodeMap(row["parameters"] as string | null),
      body: (row["body"] as Uint8Array | null | undefined) ?? noBytes,
    },
    maxAttempts: row["max_attempts"] as number,
    retryPolicy: decodeRetryPolicy(row["retry"] as string),
    ambiguityPolicy: ambiguityPolicies[row["ambiguity"] as number]!,
    attemptTimeoutMs: row["attempt_timeout"] as number,
    labels: decodeMap(row["labels"] as string | null),
    trace: { traceparent: row["traceparent"] as string, tracestate: row["tracestate"] as string },
  };
}

const optional = (value: SQLOutputValue | undefined): number | undefined =>
  (value as number | null) ?? undefined;

/** The columns of `job`. */
export function toRecord(row: Row): JobRecord {
  const state = jobStates[row["state"] as number]!;
  const id = row["id"] as string;
  const waits = state === "SCHEDULED" || state === "QUEUED" || state === "RETRYING";
  return {
    key: row["key"] as number,
    id,
    uid: (row["uid"] as string | null) ?? id,
    queue: row["queue"] as string,
    state,
    priority: row["priority"] as number,
    createTime: row["create_time"] as number,
    updateTime: row["update_time"] as number,
    scheduleTime: optional(row["schedule_time"]),
    expireTime: optional(row["expire_time"]),
    nextAttemptTime: waits ? (row["due_time"] as number) : undefined,
    finishTime: optional(row["finish_time"]),
    attemptCount: row["attempt_count"] as number,
    runCount: row["run_count"] as number,
    dedupKey: (row["dedup_key"] as string | null) ?? undefined,
    retentionMs: optional(row["retention"]),
    revision: row["revision"] as number,
  };
}

/** A claimed job on its way from the writing thread: the values of its columns, as they were before the claim. */
export interface ClaimedRow {
  readonly key: number;
  readonly id: string;
  readonly uid: string | null;
  readonly queue: string;
  readonly attemptCount: number;
  readonly maxAttempts: number;
  readonly attemptsBefore: number;
  readonly ambiguity: number;
  readonly dueTime: number;
  /** null: the createTime */
  readonly runTime: number | null;
  readonly createTime: number;
  readonly expireTime: number | null;
  readonly method: string;
  readonly url: string;
  readonly headers: string;
  readonly parameters: string | null;
  readonly retry: string;
  readonly attemptTimeout: number;
  readonly labels: string | null;
  readonly traceparent: string;
  readonly tracestate: string;
  readonly body: Uint8Array | null;
}

export function toClaimed(row: ClaimedRow, claimTime: number): ClaimedJob {
  return {
    key: row.key,
    id: row.id,
    uid: row.uid ?? row.id,
    queue: row.queue,
    attempt: row.attemptCount + 1,
    attemptsBefore: row.attemptsBefore,
    runTime: row.runTime ?? row.createTime,
    dueTime: row.dueTime,
    claimTime,
    claimUptimeMs: performance.now(),
    createTime: row.createTime,
    expireTime: row.expireTime ?? undefined,
    request: {
      method: row.method,
      url: row.url,
      headers: decodeHeaders(row.headers),
      parameters: decodeMap(row.parameters),
      body: row.body ?? noBytes,
    },
    maxAttempts: row.maxAttempts,
    retryPolicy: decodeRetryPolicy(row.retry),
    ambiguityPolicy: ambiguityPolicies[row.ambiguity]!,
    attemptTimeoutMs: row.attemptTimeout,
    labels: decodeMap(row.labels),
    trace: { traceparent: row.traceparent, tracestate: row.tracestate },
  };
}

/** The end of an attempt on its way to the writing thread. */
export interface FinishedRow {
  readonly key: number;
  readonly attempt: number;
  readonly next: FinishedAttempt["next"]["state"];
  /** When the next attempt is due; null if none is. */
  readonly nextAttemptTime: number | null;
  readonly result: AttemptResult;
  readonly startTime: number;
  readonly endTime: number;
  readonly httpStatus: number;
  readonly worker: string;
  readonly errorReason: string | null;
  readonly errorMessage: string | null;
  /** null: no response is kept with this attempt. */
  readonly responseHeaders: string | null;
  readonly responseTruncated: number | null;
  readonly responseBody: Uint8Array | null;
  readonly passage: string | null;
  /** null: the target did not ask to be left alone */
  readonly slowOrigin: string | null;
  readonly slowUntil: number | null;
}

export function toFinishedRow({ key, attempt, response, next, slowDown }: FinishedAttempt): FinishedRow {
  return {
    key,
    attempt: attempt.number,
    next: next.state,
    nextAttemptTime: "nextAttemptTime" in next ? (next.nextAttemptTime ?? null) : null,
    result: attempt.result,
    startTime: attempt.startTime,
    endTime: attempt.endTime,
    httpStatus: attempt.httpStatus,
    worker: attempt.worker,
    errorReason: attempt.error?.reason ?? null,
    errorMessage: attempt.error?.message ?? null,
    responseHeaders: response === undefined ? null : encodeHeaders(response.headers),
    responseTruncated: response === undefined ? null : response.truncated ? 1 : 0,
    responseBody: response === undefined || response.body.length === 0 ? null : response.body,
    passage: encodePassage(attempt),
    slowOrigin: slowDown?.origin ?? null,
    slowUntil: slowDown?.until ?? null,
  };
}

export function toFailure(row: Row): Failure | undefined {
  const reason = row["error_reason"] as FailureReason | null;
  return reason === null ? undefined : { reason, message: row["error_message"] as string };
}

export function toAttempt(row: Row): Attempt {
  return {
    number: row["number"] as number,
    result: row["result"] as AttemptResult,
    startTime: row["start_time"] as number,
    endTime: row["end_time"] as number,
    httpStatus: row["http_status"] as number,
    error: toFailure(row),
    worker: row["worker"] as string,
    ...decodePassage(row["passage"] as string | null, row["start_time"] as number),
  };
}

/** The response columns of `attempt`; `response_body` may be missing. */
export function toResponse(row: Row): HttpResponse {
  return {
    status: row["http_status"] as number,
    headers: decodeHeaders(row["response_headers"] as string),
    body: (row["response_body"] as Uint8Array | null | undefined) ?? noBytes,
    truncated: row["response_truncated"] === 1,
  };
}
