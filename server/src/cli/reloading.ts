/** The way of a changed configuration: from the file to this process, to the workers, and to those that start later. */
import { resolve } from "node:path";
import type { Supervisor } from "@fieldpost/supervisor";
import { Reloader, type ConfigSource } from "../config/reloader.ts";
import type { ServeConfig } from "../config/serve-config.ts";
import type { Logger } from "../telemetry/log.ts";
import { workerCount } from "./worker-count.ts";
import { configTopic, workerEnvironment, type WorkerSettings } from "../worker/settings.ts";

export interface ReloadingOptions {
  readonly source: ConfigSource;
  /** As it was loaded from the source. */
  readonly config: ServeConfig;
  /** What the workers were started with. */
  readonly settings: WorkerSettings;
  readonly supervisor: Supervisor;
  readonly log: Logger;
}

export interface Reloading {
  /** Reads the file now: what SIGHUP does. */
  reload(): void;
  stop(): void;
}

/** A broadcast may be lost: a change is announced again so often, and a worker that knows it does nothing. */
const announceEveryMs = 2000;

export function startReloading({ source, config, supervisor, log, ...start }: ReloadingOptions): Reloading {
  let { settings } = start;
  let timer: NodeJS.Timeout | undefined;

  function announce(): void {
    const { instance: _, ...revision } = settings;
    supervisor.broadcast(configTopic, JSON.stringify(revision));
  }

  const reloader = new Reloader({
    source,
    config,
    log,
    apply(changed) {
      settings = {
        ...settings,
        config: { ...changed, store: resolve(changed.store) },
        revision: settings.revision + 1,
      };
      // First those that start from now on, then those that run: a worker is always one or the other.
      const { drainTimeoutMs } = changed;
      // Another number of workers replaces all of them.
      supervisor.update({
        ...{ env: workerEnvironment(settings), drainTimeoutMs, workers: workerCount(changed) },
      });
      announce();
      timer ??= setInterval(announce, announceEveryMs).unref();
    },
  });
  reloader.start();
  return {
    reload: () => void reloader.reload("SIGHUP"),
    stop() {
      reloader.stop();
      clearInterval(timer);
    },
  };
}
