import type { MachineTime, Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";

export interface ClockWatchOptions {
  readonly store: Store;
  /** The wall clock, and one that only ever goes on. */
  readonly readTime: () => MachineTime;
  readonly leaseMs: number;
  readonly everyMs: number;
  readonly log: Logger;
}

/** A difference of the two clocks that is worth asking the store. */
const noticedMs = 100;

/**
 * A clock watch is responsible for times that are meant in relation to another moment: when the wall clock jumps, they
 * jump along, once, whichever worker sees it first.
 */
export class ClockWatch {
  readonly #options: ClockWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  /** The wall clock less the other, when the store was told last. */
  #difference = Number.NaN;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.runOnce(), this.#options.everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Before times are compared with the wall clock: undefined if it goes on as it did, else when the store knows. */
  settle(): Promise<void> | undefined {
    const { now, uptimeMs } = this.#options.readTime();
    return Math.abs(now - uptimeMs - this.#difference) < noticedMs ? undefined : this.runOnce();
  }

  async runOnce(): Promise<void> {
    const { store, readTime, leaseMs, log } = this.#options;
    const time = readTime();
    try {
      const jumpMs = await store.noteTime(time, leaseMs);
      this.#difference = time.now - time.uptimeMs;
      if (jumpMs !== 0) log.warn({ jumpMs }, "clock: the wall clock jumped; what waits was moved along");
    } catch (error) {
      log.warn({ err: error }, "clock: could not note the time; tries again");
    }
  }
}
