/** `fieldpost serve`: reads the configuration; serve.ts does the rest. */
import { resolve } from "node:path";
import { Option, type Command } from "commander";
import { configPathOf, loadServeConfig, overriddenSettings, type Flags } from "../config/load.ts";
import { flagOf, laterOptions, serveOptions, sourceOptions } from "../config/options.ts";
import type { ConfigSource } from "../config/reloader.ts";
import { exitFailed } from "./client-command.ts";
import { addOptions, flagsOf } from "./option-flags.ts";
import { printError } from "./print-error.ts";

const options = [...Object.values(sourceOptions), ...Object.values(serveOptions)];

export function defineServe(command: Command): void {
  addOptions(command, options);
  // Known, so that load.ts can say of them what is the matter.
  for (const later of laterOptions) {
    const value = later.value === "" ? "" : ` <${later.value}>`;
    command.addOption(new Option(`${flagOf(later)}${value}`).hideHelp());
  }
  command.addHelpText(
    "after",
    "\nEvery option has an environment name and, but for --config, a key in the file: --max-body is FIELDPOST_MAX_BODY and" +
      "\nmax_body. Flags beat environment beats file beats default. A change of the file is in force at once where it says" +
      "\nlive, and after a restart where it says restart.",
  );
}

export async function runServe(command: Command): Promise<number> {
  const flags = flagsOf(command, [...options, ...laterOptions]);
  const path = configPathOf(flags, process.env);
  const source = path === undefined ? undefined : await openSource(path, flags);
  const { config } = source?.load(source.text) ?? { config: loadServeConfig(flags, process.env) };
  let serving;
  try {
    serving = await import("./serve.ts");
  } catch (error) {
    // It loads the supervisor, which says here what is missing of it; the class itself cannot be loaded then.
    if (!(error instanceof Error && error.name === "SupervisorError")) throw error;
    printError([error.message]);
    return exitFailed;
  }
  return serving.serve(config, source);
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
