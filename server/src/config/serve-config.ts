import type { RetryPolicy } from "../job/job.ts";
import type { Address } from "./address.ts";
import type { serveOptions, ValuesOf } from "./options.ts";

/** All that `serve` was told, complete and checked. Frozen; nothing after load.ts knows defaults or environment. */
export interface ServeConfig {
  readonly grpc: Address;
  readonly http: Address;
  readonly workers: number | "auto";
  /** Path of the SQLite file, relative to the working directory or absolute. */
  readonly store: string;
  /** Path of the control socket, if it is not the one beside the store. */
  readonly control: string | undefined;
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
  /** How long jobs that have ended are kept, and their responses. */
  readonly jobRetentionMs: number;
  readonly responseRetentionMs: number;
  /** How many jobs that have ended are kept; undefined is all. */
  readonly maxEndedJobs: number | undefined;
  readonly drainTimeoutMs: number;
  /** Give or take a tenth; undefined is never. */
  readonly maxConnectionAgeMs: number | undefined;
  readonly pidFile: string | undefined;
  readonly logFile: string | undefined;
  /** Serve in the background; there is a logFile then. */
  readonly daemon: boolean;
  /** True if a listener may be reached from other machines. */
  readonly insecure: boolean;
  readonly logLevel: LogLevel;
}

/** The same, each value by the key of its option. */
export type ServeValues = ValuesOf<typeof serveOptions>;

export function toServeConfig(values: ServeValues): ServeConfig {
  const { retryInitialBackoffMs, retryMaxBackoffMs, retryMultiplier, retryJitter, ...rest } = values;
  const retryPolicy = Object.freeze({
    initialBackoffMs: retryInitialBackoffMs,
    maxBackoffMs: retryMaxBackoffMs,
    multiplier: retryMultiplier,
    jitter: retryJitter,
  });
  return Object.freeze({ ...rest, retryPolicy });
}

export function toServeValues({ retryPolicy, ...rest }: ServeConfig): ServeValues {
  return {
    ...rest,
    retryInitialBackoffMs: retryPolicy.initialBackoffMs,
    retryMaxBackoffMs: retryPolicy.maxBackoffMs,
    retryMultiplier: retryPolicy.multiplier,
    retryJitter: retryPolicy.jitter,
  };
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
