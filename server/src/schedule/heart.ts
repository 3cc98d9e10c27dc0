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
  #beating = false;
  #renewedTime: number;
  /** Since when every renewal was in time. */
  #steadySince = Number.NEGATIVE_INFINITY;

  constructor(options: HeartOptions) {
    this.#options = options;
    this.#renewedTime = options.clock();
  }

  /** How long ago the lease was renewed, milliseconds. */
  get age(): number {
    return this.#options.clock() - this.#renewedTime;
  }

  /**
   * True if for a whole lease every renewal was in time. If not, the store stood still or the clock jumped: then the
   * others' leases may have run out just as this one's nearly did, and say nothing of whether they live.
   */
  get isSteady(): boolean {
    const { clock, leaseMs } = this.#options;
    return this.age >= 0 && this.age < leaseMs / 2 && clock() - this.#steadySince >= leaseMs;
  }

  start(): void {
    this.#timer = setInterval(() => void this.runOnce(), this.#options.leaseMs / 3);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One beat. A store that is busy for long is borne: as long as nobody else can write, nobody takes the lease. */
  async runOnce(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    const { store, worker, leaseMs, clock, log, onLost } = this.#options;
    try {
      const renewed = await store.renewLease(worker, clock(), leaseMs);
      if (!renewed) {
        log.error({ worker }, "heart: this worker was declared lost");
        this.stop();
        onLost();
        return;
      }
      if (this.age < 0 || this.age >= leaseMs / 2) this.#steadySince = clock();
      this.#renewedTime = clock();
    } catch (error) {
      log.warn({ err: error, worker, ageMs: this.age }, "heart: could not renew the lease; tries again");
    } finally {
      this.#beating = false;
    }
  }
}
