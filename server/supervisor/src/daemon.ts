// A program in the background: the process that a person starts runs the same program once more, in a session of its own, and waits
// until that serves.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import { constants } from "node:os";

import { SupervisorError } from "./errors.ts";
import type { CheckedOptions } from "./options.ts";
import { setCloseOnExec } from "./syscalls.ts";
import { CARRIED_VARIABLE } from "./upgrade/carried.ts";
import { isCheck } from "./upgrade/check.ts";
import { launchCommand } from "./upgrade/launch.ts";

/** The environment name under which a daemon finds the descriptor for its word that it serves. */
export const DAEMON_VARIABLE = "FIELDPOST_INTERNAL_DAEMON";
const READY_FD = 3;

/** A daemon that serves. */
export interface Launched {
  pid: number;
  /** The real addresses. */
  listeners: { name: string; address: string }[];
}

/** What came of it, for the process that is to end now. */
export type Launch =
  | ({ kind: "ready" } & Launched)
  | {
      kind: "failed";
      /** What this process should exit with; never 0. */
      exitCode: number;
      /** What the program has not said itself, on standard error: that it was killed, or could not be started. */
      message: string | undefined;
    };

/** In a daemon, until it serves. */
let launcherFd: number | undefined;

/**
 * Starts this program in the background: in a session of its own, with nothing on standard input and the same working directory. Settles
 * when the `startSupervisor` of that process does, or when it has ended. Until its log file is open, its output goes to
 * this process's standard error. INT, TERM and HUP meanwhile end it.
 *
 * Undefined where the program is to go on to `startSupervisor`, which needs `logFile` there: in the daemon itself, in a version of it that
 * takes its place in a reload, or that is checked for one.
 *
 * @param command file and arguments that start this program. Default: what Node tells of its own start
 */
export async function daemonize(command = launchCommand() ?? []): Promise<Launch | undefined> {
  if (isDaemon(process.env)) return undefined;
  if (isCheck(process.env) || process.env[CARRIED_VARIABLE] !== undefined) return undefined;
  const [file, ...args] = command;
  if (file === undefined) throw new SupervisorError("OPTION_INVALID", "command: a daemon needs one");
  const child = spawn(file, args, {
    // Standard output is for what this process says.
    stdio: ["ignore", 2, 2, "pipe"],
    env: daemonEnvironment(),
    detached: true,
  });
  return await launchOf(child);
}

/** Whether this process was started in the background, and does not serve yet. What it starts is not to know. */
function isDaemon(env: NodeJS.ProcessEnv): boolean {
  const fd = env[DAEMON_VARIABLE];
  if (fd === undefined) return launcherFd !== undefined;
  delete env[DAEMON_VARIABLE];
  launcherFd = Number(fd);
  setCloseOnExec(launcherFd, true);
  return true;
}

/** In a daemon: throws OPTION_INVALID if it would go on to write to the terminal. */
export function requireLog({ logFile }: CheckedOptions): void {
  if (!isDaemon(process.env) || logFile !== undefined) return;
  throw new SupervisorError("OPTION_INVALID", "a daemon needs logFile: nobody reads its standard output");
}

/** In a daemon: it serves. Once. */
export function tellLauncher(launched: Launched): void {
  if (launcherFd === undefined) return;
  try {
    fs.writeSync(launcherFd, `${JSON.stringify(launched)}\n`);
  } catch {
    // Nobody waits any more: it serves all the same.
  }
  fs.closeSync(launcherFd);
  launcherFd = undefined;
}

function daemonEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, [DAEMON_VARIABLE]: String(READY_FD) };
  // The parent is to end, and npm behind it: that is no reason to stop.
  delete env["npm_lifecycle_event"];
  return env;
}

function launchOf(child: ChildProcess): Promise<Launch> {
  const { promise, resolve } = Promise.withResolvers<Launch>();
  const fail = (exitCode: number, message?: string): void => resolve({ kind: "failed", exitCode, message });
  let asked: NodeJS.Signals | undefined;
  const pass = (signal: NodeJS.Signals): void => {
    asked = signal;
    // HUP does not end a supervisor, and npm repeats a Ctrl-C: a second INT would be a wish of its own.
    child.kill("SIGTERM");
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, pass);

  let said = "";
  const ready = child.stdio[READY_FD];
  ready?.on("error", () => {});
  ready?.on("data", (chunk) => {
    said += String(chunk);
    if (said.endsWith("\n")) resolve({ kind: "ready", ...(JSON.parse(said) as Launched) });
  });
  child.once("error", (error) => fail(1, `cannot be started in the background: ${error.message}`));
  child.once("exit", (code: number | null, signal: NodeJS.Signals | null) => {
    if (asked !== undefined) fail(128 + constants.signals[asked]);
    else if (signal !== null) fail(1, `killed by ${signal} before it was ready`);
    else if (code === 0) fail(1, "ended before it was ready");
    else fail(code ?? 1);
  });
  return promise.finally(() => {
    for (const signal of signals) process.off(signal, pass);
    ready?.destroy();
    child.unref();
  });
}
