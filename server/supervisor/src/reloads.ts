// Those who ask for a reload, by whatever way, and what the service manager hears of it.
import { coalesce } from "./coalesce.ts";
import type { ServiceManager } from "./service-manager.ts";
import type { ReloadResult } from "./status.ts";

export interface ReloadsHost {
  readonly serviceManager: ServiceManager;
  /** All slots have workers, and nobody stops. */
  readonly isRunning: () => boolean;
  readonly workers: () => number;
}

export class Reloads {
  readonly #host: ReloadsHost;
  readonly #run: () => Promise<ReloadResult>;
  readonly #waiting = new Set<Promise<ReloadResult>>();

  /** @param work one reload; two never overlap */
  constructor(host: ReloadsHost, work: () => Promise<ReloadResult>) {
    this.#host = host;
    this.#run = coalesce(work);
  }

  ask(): Promise<ReloadResult> {
    const { serviceManager, isRunning, workers } = this.#host;
    const reload = this.#run();
    this.#waiting.add(reload);
    serviceManager.reloading();
    void reload
      .catch(() => {})
      .finally(() => {
        this.#waiting.delete(reload);
        // What failed left the old workers, and they are ready.
        if (this.#waiting.size === 0 && isRunning()) serviceManager.ready(workers());
      });
    return reload;
  }

  /** Settles when all that were asked for by now are answered. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#waiting);
  }
}
