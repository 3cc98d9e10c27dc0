/** The configuration file that a command was given, by flag or environment. */
import { resolve } from "node:path";
import { configPathOf, loadServeConfig, overriddenSettings, type Flags } from "../config/load.ts";
import type { ConfigSource } from "../config/reloader.ts";
import type { ServeConfig } from "../config/serve-config.ts";

/**
 * Reads the configuration of `serve` from flags, environment and, if they name one, the file.
 *
 * @throws ConfigError with everything that is wrong
 */
export async function readConfig(flags: Flags): Promise<{ config: ServeConfig; source?: ConfigSource }> {
  const path = configPathOf(flags, process.env);
  if (path === undefined) return { config: loadServeConfig(flags, process.env) };
  const source = await openSource(path, flags);
  return { config: source.load(source.text).config, source };
}

async function openSource(path: string, flags: Flags): Promise<ConfigSource> {
  const [{ readConfigText }, { parseConfigFile }] = await Promise.all([
    import("../config/file.ts"),
    import("../config/parse-file.ts"),
  ]);
  const absolute = resolve(path);
  return {
    path: absolute,
    text: await readConfigText(absolute),
    load(found) {
      const file =
        found.kind === "text"
          ? parseConfigFile(found.text, path)
          : { settings: new Map<string, never>(), problems: [found.problem] };
      const config = loadServeConfig(flags, process.env, file);
      return { config, overridden: overriddenSettings(flags, process.env, file) };
    },
  };
}
