/** `fieldpost serve`: reads the configuration; serve.ts does the rest. */
import { Option, type Command } from "commander";
import { loadServeConfig } from "../config/load.ts";
import { flagOf, laterOptions, serveOptions } from "../config/options.ts";
import { exitFailed } from "./client-command.ts";
import { addOptions, flagsOf } from "./option-flags.ts";
import { printError } from "./print-error.ts";

const options = Object.values(serveOptions);

export function defineServe(command: Command): void {
  addOptions(command, options);
  // Known, so that load.ts can say of them what is the matter.
  for (const later of laterOptions) {
    const value = later.value === "" ? "" : ` <${later.value}>`;
    command.addOption(new Option(`${flagOf(later)}${value}`).hideHelp());
  }
  command.addHelpText(
    "after",
    "\nEvery option has an environment name: --max-body is FIELDPOST_MAX_BODY. Flags beat environment beats default.",
  );
}

export async function runServe(command: Command): Promise<number> {
  const config = loadServeConfig(flagsOf(command, [...options, ...laterOptions]), process.env);
  let serving;
  try {
    serving = await import("./serve.ts");
  } catch (error) {
    // It loads the supervisor, which says here what is missing of it; the class itself cannot be loaded then.
    if (!(error instanceof Error && error.name === "SupervisorError")) throw error;
    printError([error.message]);
    return exitFailed;
  }
  return serving.serve(config);
}
