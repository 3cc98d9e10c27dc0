import { BOOT_VARIABLE } from "../messages.ts";
import type { WorkerBoot } from "../messages.ts";

/** What the supervisor told this process, or undefined in a process that it did not start. */
export function readBoot(env: NodeJS.ProcessEnv): WorkerBoot | undefined {
  const text = env[BOOT_VARIABLE];
  if (text === undefined) return undefined;
  // Written by our own supervisor through `JSON.stringify`; nobody else sets this name.
  const boot: WorkerBoot = JSON.parse(text);
  return boot;
}
