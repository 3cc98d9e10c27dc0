/**
 * Reads the configuration again: on SIGHUP, and when the file has changed. What is valid is applied, as far as it can be
 * without a restart; what is not is refused whole, and the old configuration stays in force.
 */
import { changeLevel, type Logger } from "../telemetry/log.ts";
import { decideChanges } from "./changes.ts";
import type { ConfigText } from "./file.ts";
import { ConfigError } from "./load.ts";
import type { ServeConfig } from "./serve-config.ts";
import { ConfigWatcher } from "./watch.ts";

/** How the file is read that this configuration came from. */
export interface ConfigSource {
  readonly path: string;
  /** As the configuration was loaded from it. */
  readonly text: ConfigText;
  /** @throws ConfigError */
  readonly load: (text: ConfigText) => LoadedConfig;
}

export interface LoadedConfig {
  readonly config: ServeConfig;
  /** Keys of the file that have no effect, since a flag or the environment says otherwise. */
  readonly overridden: readonly string[];
}

export interface ReloaderOptions {
  readonly source: ConfigSource;
  /** What is in force. */
  readonly config: ServeConfig;
  /** Puts a configuration in force in all other processes. */
  readonly apply: (config: ServeConfig) => void;
  /** Takes its level from the configuration. */
  readonly log: Logger;
}

/** Longer than it takes to write a file in place, which may come in several writes. */
const settleMs = 150;
/** For what looks like half a file: nothing at all, a last line without its end, what is refused. */
const doubtfulMs = 400;
/** A file that is gone for a moment is being replaced. */
const missingMs = 3000;

export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #watcher: ConfigWatcher;
  #current: ServeConfig;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#current = options.config;
    const { path, text } = options.source;
    this.#watcher = new ConfigWatcher({
      path,
      text,
      settleMs: (found) => this.#settleMs(found),
      onChange: (found) => this.#take(found, "the file changed"),
    });
  }

  start(): void {
    this.#watcher.start();
  }

  stop(): void {
    this.#watcher.stop();
  }

  /** Reads the file now and says what came of it, also where that is nothing. */
  async reload(cause: string): Promise<void> {
    this.#take(await this.#watcher.readNow(), cause);
  }

  #settleMs(found: ConfigText): number {
    if (found.kind === "missing") return missingMs;
    if (found.kind !== "text" || !/\S.*\n$/s.test(found.text)) return doubtfulMs;
    return "problems" in this.#load(found) ? doubtfulMs : settleMs;
  }

  #take(found: ConfigText, cause: string): void {
    const { log, source, apply } = this.#options;
    const about = { file: source.path, cause };
    if (found.kind === "missing") {
      log.warn(about, "the configuration file is gone; the configuration stays as it is");
      return;
    }
    const loaded = this.#load(found);
    if ("problems" in loaded) {
      log.error({ ...about, ...loaded }, "configuration refused; the old one stays in force");
      return;
    }
    const { config, live, restart } = decideChanges(this.#current, loaded.config);
    const overridden = loaded.overridden.length === 0 ? {} : { overridden: loaded.overridden };
    if (live.length > 0) {
      this.#current = config;
      apply(config);
      changeLevel(log, config.logLevel, () => {
        log.info({ ...about, changed: live, ...overridden }, "configuration changed");
      });
    } else if (restart.length === 0) {
      log.info({ ...about, ...overridden }, "configuration read again; nothing to change");
    }
    if (restart.length > 0) {
      const names = restart.map(({ option, from, to }) => `${option} (still ${from}, not ${to})`);
      log.warn({ ...about, restart }, `needs a restart: ${names.join(", ")}`);
    }
  }

  #load(found: ConfigText): LoadedConfig | { readonly problems: readonly string[] } {
    try {
      return this.#options.source.load(found);
    } catch (error) {
      // Also what is a defect here: the relay serves on.
      return { problems: error instanceof ConfigError ? error.problems : [`defect: ${String(error)}`] };
    }
  }
}
