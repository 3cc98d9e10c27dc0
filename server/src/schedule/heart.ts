import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";

export interface HeartOptions {
  readonly store: Store;
  readonly worker: number;
  /** How long a lease holds. Renewed three times in that time. */
  readonly leaseMs: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Logger;
  /** The lease is lost: others may send this worker's jobs again, so it must send nothing more and end. */
  readonly onLost: () => void;
}

/** A heart is responsible for the worker's lease: as long as it beats, nobody else takes the worker's jobs. */
export class Heart {
  readonly #options: HeartOptions;
  #timer: NodeJS.Timeout | undefined;
  #renewedTime: number;

  constructor(options: HeartOptions) {
    this.#options = options;
    this.#renewedTime = options.clock();
  }

  start(): void {
    const beatMs = this.#options.leaseMs / 3;
    const beat = async (): Promise<void> => {
      const alive = await this.runOnce();
      if (alive && this.#timer !== undefined) this.#timer = setTimeout(() => void beat(), beatMs);
    };
    this.#timer = setTimeout(() => void beat(), beatMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** One beat. @returns false if the lease is lost */
  async runOnce(): Promise<boolean> {
    const { store, worker, leaseMs, clock, log, onLost } = this.#options;
    const now = clock();
    try {
      if (await store.renewLease(worker, now, leaseMs)) {
        this.#renewedTime = now;
        return true;
      }
      log.error({ worker }, "heart: another worker declared this one lost");
    } catch (error) {
      log.warn({ err: error, worker }, "heart: could not renew the lease");
      if (clock() - this.#renewedTime < leaseMs) return true;
    }
    onLost();
    return false;
  }
}
