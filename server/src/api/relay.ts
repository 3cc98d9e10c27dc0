/** What the RPCs need of the other rooms, given in by worker/. */
import type { Context } from "@opentelemetry/api";
import type { ClaimedJob } from "../job/job.ts";
import type { Store } from "../store/store.ts";
import type { JobLimits } from "./check-job.ts";

/**
 * Hands jobs over to be sent. A job that does not fit stays on disk, never in memory: places are reserved before the
 * insert, and each is either used by a job that the insert claimed or given back.
 */
export interface HandOver {
  /** @returns how many of the `wanted` places are reserved, possibly 0 */
  reserve(wanted: number): number;
  /** Uses as many of the reserved places as there are jobs, and gives the rest back. */
  settle(reserved: number, jobs: readonly ClaimedJob[]): void;
  /** Says that a job waits on disk for `time`. */
  announce(time: number): void;
}

/** Stops a job that is being sent, in this process or in another. */
export interface Canceller {
  stop(dispatching: { readonly key: number; readonly worker: number; readonly attempt: number }): void;
  /**
   * Waits for the end of the attempt that a cancelled job may still have. By then it is recorded.
   *
   * @returns false if nobody told of it in time
   */
  ended(key: number): Promise<boolean>;
}

export interface Relay {
  readonly store: Store;
  /** This worker's number in the store. */
  readonly worker: number;
  readonly handOver: HandOver;
  readonly canceller: Canceller;
  readonly limits: JobLimits;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What is known of one call beside its request. */
export interface Call {
  /** Holds the span of the call, under the caller's. */
  readonly context: Context;
}
