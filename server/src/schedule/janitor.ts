import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";

export interface JanitorOptions {
  readonly store: Store;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Logger;
  /** Before ends are compared with the clock. */
  readonly settleClock: () => Promise<void> | undefined;
  /** How often it looks. */
  readonly everyMs: number;
  /** How long, and how many. Read anew for each round. */
  readonly kept: {
    readonly jobRetentionMs: number;
    readonly responseRetentionMs: number;
    readonly maxEndedJobs: number | undefined;
  };
}

/** In one transaction: a few milliseconds, which calls hardly notice. */
const limit = 200;
/** Between two transactions it rests as long as the last one took, so that it takes no more than half of what the disk can do. */
const leastPauseMs = 1;
const mostPauseMs = 20;

/** A janitor is responsible for what is kept of jobs that have ended, and no longer. */
export class Janitor {
  readonly #options: JanitorOptions;
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(options: JanitorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.#after(this.#options.everyMs);
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** One step. @returns true if there may be more to do */
  async runOnce(): Promise<boolean> {
    const { store, clock, settleClock, log, kept } = this.#options;
    const { jobRetentionMs, responseRetentionMs, maxEndedJobs = Number.MAX_SAFE_INTEGER } = kept;
    // Read first: a jump that comes after it changes nothing, one before it is known once the clock is settled.
    const now = clock();
    try {
      await settleClock();
      const { jobs, more } = await store.sweep({
        now,
        endedBefore: now - jobRetentionMs,
        maxEnded: maxEndedJobs,
        respondedBefore: now - responseRetentionMs,
        limit,
      });
      if (jobs > 0) log.debug({ jobs }, "janitor: deleted jobs that had ended");
      return more;
    } catch (error) {
      log.warn({ err: error }, "janitor: a round failed; the next one tries again");
      return false;
    }
  }

  #after(ms: number): void {
    this.#timer = setTimeout(() => void this.#next(), ms);
  }

  async #next(): Promise<void> {
    const began = performance.now();
    const more = await this.runOnce();
    const took = performance.now() - began;
    const pauseMs = Math.min(mostPauseMs, Math.max(leastPauseMs, took));
    if (this.#running) this.#after(more ? pauseMs : this.#options.everyMs);
  }
}
