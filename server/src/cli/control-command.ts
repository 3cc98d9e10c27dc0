/** What the commands have in common that ask the supervisor itself: which one, and what they say if it does not answer. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { controlOptions } from "../config/options.ts";
import type { ServeConfig } from "../config/serve-config.ts";
import { exitFailed } from "./client-command.ts";
import { readConfig } from "./config-source.ts";
import { addOptions, flagsOf } from "./option-flags.ts";
import { printError } from "./print-error.ts";

const options = Object.values(controlOptions);

/** Where a relay with this configuration listens for them. */
export function controlPathOf({ control, store }: Pick<ServeConfig, "control" | "store">): string {
  return resolve(control ?? `${store}.control`);
}

/** Gives a command the options that say which relay is asked: those that this was started with. */
export function addControlOptions(command: Command): void {
  addOptions(command, options);
}

/** Runs `body` with the path of the control socket. Answers the exit code. */
export async function withControl(
  command: Command,
  body: (path: string) => Promise<number>,
): Promise<number> {
  const { config } = await readConfig(flagsOf(command, options));
  const { ControlError } = await import("@fieldpost/supervisor/control");
  const path = controlPathOf(config);
  try {
    return await body(path);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    const help =
      error.code === "UNREACHABLE"
        ? ["  --store, --control or --config have to be those that the relay was started with"]
        : [];
    printError([error.message, ...help]);
    return exitFailed;
  }
}
