/** `fieldpost serve`: reads the configuration; serve.ts does the rest. */
import { Option, type Command } from "commander";
import { flagOf, laterOptions, serveOptions, sourceOptions } from "../config/options.ts";
import { exitFailed } from "./client-command.ts";
import { readConfig } from "./config-source.ts";
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
  const { config, source } = await readConfig(flags);
  let serving, background;
  try {
    [serving, background] = await Promise.all([import("./serve.ts"), import("./daemon.ts")]);
  } catch (error) {
    // It loads the supervisor, which says here what is missing of it; the class itself cannot be loaded then.
    if (!(error instanceof Error && error.name === "SupervisorError")) throw error;
    printError([error.message]);
    return exitFailed;
  }
  const ended = config.daemon ? await background.serveInBackground() : undefined;
  return ended ?? serving.serve(config, source);
}
