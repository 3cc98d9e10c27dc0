/** This worker's configuration: the newest one that it heard of. */
import type { ServeConfig } from "../config/serve-config.ts";
import type { ConfigRevision } from "./settings.ts";

export type ConfigHandler = (after: ServeConfig, before: ServeConfig) => void;

/** Read `current` each time that a value is used; what cannot be read anew is told by `onChange`. */
export class LiveConfig {
  #config: ServeConfig;
  #revision: number;
  readonly #handlers: ConfigHandler[] = [];

  constructor({ config, revision }: ConfigRevision) {
    this.#config = config;
    this.#revision = revision;
  }

  get current(): ServeConfig {
    return this.#config;
  }

  /** What is announced again, and what a newer one overtook, changes nothing. */
  take({ config, revision }: ConfigRevision): void {
    if (revision <= this.#revision) return;
    const before = this.#config;
    this.#config = config;
    this.#revision = revision;
    for (const handler of this.#handlers) handler(config, before);
  }

  onChange(handler: ConfigHandler): void {
    this.#handlers.push(handler);
  }
}
