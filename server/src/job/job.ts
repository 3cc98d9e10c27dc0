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

/** What happens when nobody can know whether the target got an attempt. */
export type AmbiguityPolicy = "retry" | "fail" | "hold";

/** HTTP statuses, both ends belong to it. */
export interface StatusRange {
  readonly first: number;
  readonly last: number;
}

export interface RetryPolicy {
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly multiplier: number;
  readonly jitter: Jitter;
  /** No attempt is planned for later than so long after the run began; undefined: however late. */
  readonly maxAgeMs?: number | undefined;
  /** Which statuses are tried again; undefined: 408, 425, 429, and 500 and above. */
  readonly retryStatuses?: readonly StatusRange[] | undefined;
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
  readonly ambiguityPolicy: AmbiguityPolicy;
  readonly attemptTimeoutMs: number;
  readonly labels: ReadonlyMap<string, string>;
  readonly trace: TraceContext;
}

/** What makes a repeated call known as such (AIP-155). */
export interface RequestIdentity {
  /** The request_id: 16 bytes of a UUID. */
  readonly id: Uint8Array;
  /** Of all that the caller asked for. Under one id it must be the same. */
  readonly contentHash: Uint8Array;
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
  /** True if the caller asked for a delay: then scheduleTime jumps along when the wall clock does. */
  readonly isRelative?: boolean | undefined;
  /** If no attempt has begun by then, it expires. */
  readonly expireTime: number | undefined;
  /** No two jobs of one queue that have not ended have the same; undefined: it may be doubled. */
  readonly dedupKey?: string | undefined;
  /** How long it is kept after its end; undefined: as long as the relay keeps jobs. */
  readonly retentionMs?: number | undefined;
  /** Undefined: the caller gave no request_id. */
  readonly requestIdentity?: RequestIdentity | undefined;
}

/** A job that a worker has claimed: its attempt number, worker and lease are on disk. */
export interface ClaimedJob extends JobSpec {
  /** The store's own key. */
  readonly key: number;
  readonly id: string;
  readonly uid: string;
  readonly queue: string;
  /** 1 for the first attempt. Never used twice. */
  readonly attempt: number;
  /** How many attempts the runs before this one had; maxAttempts counts from there. */
  readonly attemptsBefore: number;
  /** When this run began: the createTime, or that of the last RetryJob. */
  readonly runTime: number;
  /** When it was due. */
  readonly dueTime: number;
  /** When the claim was made. */
  readonly claimTime: number;
  /** The same by this process's own clock (`performance.now()`), which does not jump. */
  readonly claimUptimeMs: number;
  readonly createTime: number;
  /** If no attempt has begun by then, none may. */
  readonly expireTime: number | undefined;
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
  | "LOCAL_EXHAUSTED"
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

/**
 * How far an attempt came, and through what. Undefined where it did not come so far, and for the steps of a connection
 * that was there already.
 */
export interface Passage {
  /** When the name was resolved. */
  readonly resolveTime?: number | undefined;
  /** When the TCP connection was there. */
  readonly connectTime?: number | undefined;
  /** When the TLS handshake was over. */
  readonly tlsTime?: number | undefined;
  /** When the last byte of the request was handed to the system. */
  readonly sendTime?: number | undefined;
  /** When the first byte of the response came. */
  readonly firstByteTime?: number | undefined;
  /** `192.0.2.1:40000` or `[2001:db8::1]:40000`. */
  readonly localAddress?: string | undefined;
  readonly remoteAddress?: string | undefined;
  /** On the connection, heads included, without TLS. */
  readonly sentBytes?: number | undefined;
  readonly receivedBytes?: number | undefined;
  /** Not before then, the target said (Retry-After). */
  readonly retryAfterTime?: number | undefined;
}

export interface Attempt {
  readonly number: number;
  readonly result: AttemptResult;
  /** When it was due, and when a worker claimed it; undefined for attempts of older releases. */
  readonly dueTime?: number | undefined;
  readonly claimTime?: number | undefined;
  readonly startTime: number;
  readonly endTime: number;
  /** 0 where none came. */
  readonly httpStatus: number;
  readonly error: Failure | undefined;
  /** The worker's name. */
  readonly worker: string;
  readonly passage?: Passage | undefined;
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
  readonly passage?: Passage | undefined;
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
  /** 1, and one more for each RetryJob. */
  readonly runCount: number;
  readonly dedupKey: string | undefined;
  readonly retentionMs: number | undefined;
  /** Grows with every change of any job, in the order of the commits. */
  readonly revision: number;
  readonly spec?: JobSpec | undefined;
  readonly attempts?: readonly Attempt[] | undefined;
  /** Of the last attempt that got one. */
  readonly response?: HttpResponse | undefined;
  /** Of the last attempt; undefined if it succeeded or none has ended. */
  readonly lastError?: Failure | undefined;
}
