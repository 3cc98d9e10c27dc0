/** `fieldpost reload`: what SIGUSR2 does, with an answer when it is done. */
import type { ReloadResult } from "@fieldpost/supervisor/control";
import type { Command } from "commander";
import { exitOk } from "./client-command.ts";
import { addControlOptions, withControl } from "./control-command.ts";
import { counted } from "./output.ts";

export function defineReload(command: Command): void {
  command.option("--json", "print what was done as JSON");
  addControlOptions(command);
}

export function runReload(command: Command): Promise<number> {
  const { json = false } = command.opts<{ json?: true }>();
  return withControl(command, async (path) => {
    const { requestReload } = await import("@fieldpost/supervisor/control");
    const result = await requestReload(path);
    process.stdout.write(
      json
        ? `${JSON.stringify(result)}\n`
        : `${whatWasReplaced(result)} replaced in ${(result.elapsedMs / 1000).toFixed(1)} s\n`,
    );
    return exitOk;
  });
}

function whatWasReplaced({ replaced, upgraded }: ReloadResult): string {
  const workers = counted(replaced, "worker");
  return upgraded ? `supervisor and ${workers}` : workers;
}
