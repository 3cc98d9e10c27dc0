// Preloaded into every worker (`--import`), before its own module: a worker that dies while it loads must say why, and a Ctrl-C
// meant for the supervisor must not end it. It shares no state with `joinSupervisor`, which may come from another copy of the package.
import { isMainThread } from "node:worker_threads";

import { takePlace } from "../who-am-i.ts";
import { writeLastMessage } from "./last-message.ts";
import { readBoot } from "./read-boot.ts";

// What a terminal or a service manager sends to the whole group. A worker obeys its supervisor only.
const ignoredSignals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"];
const boot = readBoot(process.env);
// Node runs preloads in every thread of the worker as well.
if (boot && isMainThread) {
  const { slot, generation, workers } = boot;
  takePlace({ role: "worker", slot, generation, workers });
  for (const signal of ignoredSignals) process.on(signal, () => {});
  process.on("uncaughtExceptionMonitor", (error) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    writeLastMessage(boot.controlFd, { t: "fatal", error: text });
  });
  // A program may end itself with SIGKILL even now; others have not killed it then.
  process.prependListener("exit", () => writeLastMessage(boot.controlFd, { t: "exiting" }));
}
