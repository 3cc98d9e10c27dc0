import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";

export interface RecovererOptions {
  readonly store: Store;
  /** How often it looks for leases that have ended. */
  readonly everyMs: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Logger;
  /** Before leases are compared with the clock: they are moved along if it jumped. */
  readonly settleClock: () => Promise<void> | undefined;
  /** False while leases say nothing of whether their workers live; then only those known to be lost are taken. */
  readonly isSteady: () => boolean;
  /** Jobs wait again. */
  readonly onRequeued: () => void;
}

/** A recoverer is responsible for the jobs of workers that ended without finishing them. */
export class Recoverer {
  readonly #options: RecovererOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RecovererOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.runOnce([]), this.#options.everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * One round.
   *
   * @param lost names of workers that are known to have ended; their lease need not run out first
   */
  async runOnce(lost: readonly string[]): Promise<void> {
    const { store, clock, log, onRequeued, isSteady, settleClock } = this.#options;
    try {
      await settleClock();
      const now = clock();
      const leasesEndedBy = isSteady() ? now : 0;
      const { requeued, failed, held } = await store.recover({ now, lost, leasesEndedBy });
      if (requeued + failed + held > 0)
        log.warn({ requeued, failed, held, lost }, "recoverer: took back the jobs of lost workers");
      if (requeued > 0) onRequeued();
    } catch (error) {
      log.error({ err: error }, "recoverer: a round failed; the next one tries again");
    }
  }
}
