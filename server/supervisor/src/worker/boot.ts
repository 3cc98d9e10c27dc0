// Preloaded into every worker (`--import`), before its own module: a worker that dies while it loads must say why, and a Ctrl-C
// meant for the supervisor must not end it. It shares no state with `joinSupervisor`, which may come from another copy of the package.
import fs from "node:fs";
import { isMainThread } from "node:worker_threads";

import { encodeMessage } from "../messages.ts";
import { readBoot } from "./read-boot.ts";

// What a terminal or a service manager sends to the whole group. A worker obeys its supervisor only.
const ignoredSignals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"];
const MAX_ERROR_CHARACTERS = 8192;

const boot = readBoot(process.env);
// Node runs preloads in every thread of the worker as well.
if (boot && isMainThread) {
  for (const signal of ignoredSignals) process.on(signal, () => {});
  process.on("uncaughtExceptionMonitor", (error) => reportFatal(boot.controlFd, error));
}

function reportFatal(controlFd: number, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  try {
    // Written at once, since the process ends now; the line end before it closes a line that may be half written.
    fs.writeSync(controlFd, `\n${encodeMessage({ t: "fatal", error: text.slice(0, MAX_ERROR_CHARACTERS) })}`);
  } catch {
    // The channel is full or gone. The error is on stderr too.
  }
}
