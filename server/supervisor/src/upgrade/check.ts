// The new version's side of a preflight: runs what a start runs, up to the moment at which something would be bound or started for
// good, and says what it is made of.
import fs from "node:fs";

import { SupervisorError } from "../errors.ts";
import type { CheckedOptions } from "../options.ts";
import { WorkerHandle } from "../worker-handle.ts";
import { launchedMain } from "./launch.ts";

/** The environment name under which a check finds the descriptor for its report. */
export const CHECK_VARIABLE = "FIELDPOST_INTERNAL_CHECK";

/** What a version is made of that runs in the supervisor's own process. */
export interface CheckReport {
  nodeVersion: string;
  /** Symlinks resolved. */
  execPath: string;
  /** The main module, symlinks resolved. */
  main: string | undefined;
  /** All modules that were loaded. */
  files: string[];
}

/** Whether this process is a check, and is to `answerCheck`. */
export function isCheck(env: NodeJS.ProcessEnv): boolean {
  return env[CHECK_VARIABLE] !== undefined;
}

/** Starts a worker that only loads, reports and ends the process. Throws WORKER_FAILED. */
export async function answerCheck(options: CheckedOptions): Promise<never> {
  const fd = process.env[CHECK_VARIABLE];
  delete process.env[CHECK_VARIABLE];
  await checkWorker(options);
  const report: CheckReport = {
    nodeVersion: process.version,
    execPath: process.execPath,
    main: launchedMain,
    files: [...(globalThis.fieldpostLoadedFiles ?? [])],
  };
  fs.writeSync(Number(fd), JSON.stringify(report));
  process.exit(0);
}

async function checkWorker(options: CheckedOptions): Promise<void> {
  const spec = {
    slot: 0,
    generation: 0,
    workers: 1,
    slotPeers: [],
    cpu: undefined,
    listeners: [],
    check: true,
  };
  const none = (): void => {};
  const worker = WorkerHandle.start({ ...spec, options }, { onReady: none, onGone: none, onBroadcast: none });
  await worker.gone;
  if (worker.joined && worker.clean) return;
  const why = worker.joined ? worker.ending : `it did not join: ${worker.ending}`;
  throw new SupervisorError("WORKER_FAILED", `the worker module cannot be used: ${why}`);
}
