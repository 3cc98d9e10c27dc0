/** What the supervisor's process hands to each worker: the configuration that it has checked already. */
import { internalEnvironmentPrefix } from "../config/options.ts";
import type { ServeConfig } from "../config/serve-config.ts";

const variable = `${internalEnvironmentPrefix}WORKER`;

export interface WorkerSettings {
  readonly config: ServeConfig;
  /** Tells this supervisor's workers from all others that ever used the store. */
  readonly instance: string;
}

/** The environment for a worker. */
export function workerEnvironment(settings: WorkerSettings): Record<string, string> {
  return { [variable]: JSON.stringify(settings) };
}

/** @throws Error in a process that `fieldpost serve` did not start */
export function readWorkerSettings(environment: NodeJS.ProcessEnv): WorkerSettings {
  const text = environment[variable];
  if (text === undefined) throw new Error(`${variable} is not set: workers are started by fieldpost serve`);
  return JSON.parse(text) as WorkerSettings;
}
