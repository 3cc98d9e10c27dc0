/** What a newly read configuration means for a relay that runs. */
import { isDeepStrictEqual } from "node:util";
import { fileKeyOf, serveOptions, type ServeOption } from "./options.ts";
import { toServeConfig, toServeValues, type ServeConfig, type ServeValues } from "./serve-config.ts";

/** One option with another value, in words; "unset" where it has none. */
export interface Change {
  /** Its key in the file: `max_body`. */
  readonly option: string;
  readonly from: string;
  readonly to: string;
}

export interface ConfigChanges {
  /** `next`, with every option that needs a restart as it is in `current`. */
  readonly config: ServeConfig;
  /** In force with `config`. */
  readonly live: readonly Change[];
  /** Not in force before a restart. */
  readonly restart: readonly Change[];
}

export function decideChanges(current: ServeConfig, next: ServeConfig): ConfigChanges {
  const [before, after] = [toServeValues(current), toServeValues(next)];
  const values: Record<string, unknown> = { ...after };
  const changes = { live: [] as Change[], restart: [] as Change[] };
  for (const key of Object.keys(serveOptions) as (keyof ServeValues)[]) {
    const option: ServeOption<unknown> = serveOptions[key];
    if (option.reload === "restart") values[key] = before[key];
    if (isDeepStrictEqual(before[key], after[key])) continue;
    const say = (value: unknown): string => (value === undefined ? "unset" : option.type.format(value));
    changes[option.reload].push({ option: fileKeyOf(option), from: say(before[key]), to: say(after[key]) });
  }
  // The same keys as `after`, each with a value of its type.
  return { config: toServeConfig(values as ServeValues), ...changes };
}
