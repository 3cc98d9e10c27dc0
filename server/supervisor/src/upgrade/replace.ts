// Puts a new version of the program in the place of this one: the same process, with the same PID, parent and children.
import fs from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { closeFd, execute, ignoreSignal, setCloseOnExec } from "../syscalls.ts";
import { CARRIED_VARIABLE, carriedFds, writeCarried } from "./carried.ts";
import type { CarriedState } from "./carried.ts";
import { NODE_OPTIONS_VARIABLE } from "./early-signals.ts";
import { launchDirectory } from "./launch.ts";

/** Node resets all signals at its start, and these would end it until the program has set its handlers again. */
const ignored = [constants.signals.SIGHUP, constants.signals.SIGUSR1, constants.signals.SIGUSR2];
const stdio = [0, 1, 2];
const earlySignals = fileURLToPath(
  new URL(`./early-signals${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

/** Throws if that is not possible, and then nothing has changed. Otherwise never returns. */
export function replaceProgram(command: readonly string[], state: CarriedState): never {
  const [name = "", ...args] = command;
  const file = findProgram(name);
  const before = process.cwd();
  const carrier = writeCarried(state);
  const fds = [...carriedFds(state), carrier];
  const env = Object.entries({
    ...process.env,
    [CARRIED_VARIABLE]: String(carrier),
    ...withEarlySignals(process.env["NODE_OPTIONS"]),
  });
  const restore: (() => void)[] = [];
  try {
    if (launchDirectory !== undefined) process.chdir(launchDirectory);
    // Node has set it on its standard streams, too.
    for (const fd of [...stdio, ...fds]) setCloseOnExec(fd, false);
    for (const signal of ignored) restore.push(ignoreSignal(signal));
    execute(
      file,
      [name, ...args],
      env.map(([key, value]) => `${key}=${value}`),
    );
    throw new Error("execve returned");
  } catch (error) {
    for (const undo of restore) undo();
    for (const fd of fds) setCloseOnExec(fd, true);
    closeFd(carrier);
    process.chdir(before);
    throw error;
  }
}

/** Node looks at its signals only when all modules are loaded: a small one comes first. */
function withEarlySignals(options = ""): Record<string, string> {
  // Node reads it like a string of C; a file that is missing would end the program that is to come.
  if (!fs.existsSync(earlySignals)) return {};
  const quoted = `"${earlySignals.replace(/["\\]/g, "\\$&")}"`;
  return { NODE_OPTIONS: `${options} --require=${quoted}`.trim(), [NODE_OPTIONS_VARIABLE]: options };
}

/** As execvp does: a name without a slash is looked for on the PATH. */
function findProgram(name: string): string {
  const folders = name.includes("/") ? [""] : (process.env["PATH"] ?? "").split(path.delimiter);
  for (const folder of folders) {
    const file = path.join(folder, name);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      return file;
    } catch {
      // The next one.
    }
  }
  throw new Error(`${name} cannot be executed`);
}
