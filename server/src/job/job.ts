/**
 * The words that every room shares: what a job is, apart from how a caller writes it (gen/) and how a store keeps it.
 * Times are milliseconds since the Unix epoch, durations milliseconds.
 */
import type { JobState } from "./state.ts";

/** One header field, in the order and spelling in which it is sent. */
export interface Header {
  readonly name: string;
  readonly value: string;
}

/** An HTTP request that passed validation: it can be sent as it stands. */
export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  /** Absolute, as the URL parser of WHATWG prints it. */
  readonly url: string;
  readonly headers: readonly Header[];
  /** Empty for a request without a body. */
  readonly body: Uint8Array;
  /** As the caller gave them; the query or form body made of them is made when the request is sent. */
  readonly parameters: ReadonlyMap<string, string>;
}

export type Jitter = "none" | "full" | "equal";

export interface RetryPolicy {
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly multiplier: number;
  readonly jitter: Jitter;
}

/** W3C Trace Context of the span that took the job over; empty strings where there is none. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate: string;
}

/** What the caller asked for, complete: no default is left open. Does not change while the job lives. */
export interface JobSpec {
  readonly request: HttpRequest;
  readonly maxAttempts: number;
  readonly retryPolicy: RetryPolicy;
  readonly attemptTimeoutMs: number;
  readonly labels: ReadonlyMap<string, string>;
  readonly trace: TraceContext;
}

/** A job to be stored. */
export interface NewJob extends JobSpec {
  /** The last segment of the resource name. */
  readonly id: string;
  /** UUID version 7. */
  readonly uid: string;
  /** The queue's id, without `queues/`. */
  readonly queue: string;
  /** 0 to 9; the higher one is sent first. */
  readonly priority: number;
  readonly createTime: number;
  /** When it is due; undefined for at once. */
  readonly scheduleTime: number | undefined;
  /** If no attempt has begun by then, it expires. */
  readonly expireTime: number | undefined;
}

/** A job that a worker has claimed: its attempt number, worker and lease are on disk. */
export interface ClaimedJob extends JobSpec {
  /** The store's own key. */
  readonly key: number;
  readonly id: string;
  readonly uid: string;
  readonly queue: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly createTime: number;
}

export type AttemptResult = "succeeded" | "failed" | "not-sent" | "outcome-unknown";

/** Why an attempt failed. A closed list: callers switch on it. */
export type FailureReason =
  | "DNS_NXDOMAIN"
  | "DNS_FAIL"
  | "CONN_REFUSED"
  | "CONN_RESET"
  | "CONN_UNREACHABLE"
  | "CONNECT_TIMEOUT"
  | "TOTAL_TIMEOUT"
  | "LOCAL_BIND"
  | "TLS"
  | "PROTOCOL"
  | "REDIRECT_REFUSED"
  | "STATUS_RETRYABLE"
  | "STATUS_PERMANENT"
  | "WORKER_LOST"
  | "SHUTDOWN"
  | "CANCELLED";

export interface Failure {
  readonly reason: FailureReason;
  /** For a person: what happened, with the value that matters. */
  readonly message: string;
}

export interface Attempt {
  readonly number: number;
  readonly result: AttemptResult;
  readonly startTime: number;
  readonly endTime: number;
  /** 0 where none came. */
  readonly httpStatus: number;
  readonly error: Failure | undefined;
  /** The worker's name. */
  readonly worker: string;
}

/** What the target answered; the body is cut at the cap. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: Uint8Array;
  readonly truncated: boolean;
}

/** One attempt as dispatch saw it end. What follows from it is decided by {@link import("./transition.ts")}. */
export interface Outcome {
  readonly result: AttemptResult;
  /** True if another attempt may do better. Always true for `not-sent`, never for `succeeded`. */
  readonly retryable: boolean;
  readonly startTime: number;
  readonly endTime: number;
  readonly error: Failure | undefined;
  readonly response: HttpResponse | undefined;
}

/** A job as a store hands it out. Parts that were not asked for are undefined. */
export interface JobRecord {
  readonly key: number;
  readonly id: string;
  readonly uid: string;
  readonly queue: string;
  readonly state: JobState;
  readonly priority: number;
  readonly createTime: number;
  readonly updateTime: number;
  readonly scheduleTime: number | undefined;
  readonly expireTime: number | undefined;
  /** Undefined while an attempt runs, while it is HELD, and after the end. */
  readonly nextAttemptTime: number | undefined;
  readonly finishTime: number | undefined;
  readonly attemptCount: number;
  /** Grows with every change of any job, in the order of the commits. */
  readonly revision: number;
  readonly spec?: JobSpec | undefined;
  readonly attempts?: readonly Attempt[] | undefined;
  /** Of the last attempt that got one. */
  readonly response?: HttpResponse | undefined;
  /** Of the last attempt; undefined if it succeeded or none has ended. */
  readonly lastError?: Failure | undefined;
}
