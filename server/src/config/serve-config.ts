import type { RetryPolicy } from "../job/job.ts";
import type { Address } from "./address.ts";

/** All that `serve` was told, complete and checked. Frozen; nothing after load.ts knows defaults or environment. */
export interface ServeConfig {
  readonly grpc: Address;
  readonly http: Address;
  readonly workers: number | "auto";
  /** Path of the SQLite file, relative to the working directory or absolute. */
  readonly store: string;
  /** Unfinished jobs that the store may hold. */
  readonly maxDepth: number;
  readonly maxBodyBytes: number;
  /** At least maxBodyBytes. */
  readonly maxMessageBytes: number;
  /** Of one worker. */
  readonly parallelSends: number;
  /** For jobs that say none. */
  readonly attemptTimeoutMs: number;
  /** For jobs that say none. */
  readonly maxAttempts: number;
  /** For jobs that say none; maxBackoffMs is at least initialBackoffMs. */
  readonly retryPolicy: RetryPolicy;
  readonly responseCapBytes: number;
  readonly drainTimeoutMs: number;
  readonly pidFile: string | undefined;
  /** True if a listener may be reached from other machines. */
  readonly insecure: boolean;
  readonly logLevel: LogLevel;
}

/** As pino names them. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

/** What a command that calls a relay was told. Frozen. */
export interface ClientConfig {
  /** The relay to call. */
  readonly grpc: Address;
  /** Time for one call. */
  readonly deadlineMs: number;
}
