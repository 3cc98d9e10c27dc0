/**
 * What the supervisor's process tells each worker: the configuration that it has checked already. A worker gets the one
 * of the moment when it starts, and hears of each later one by broadcast.
 */
import { internalEnvironmentPrefix } from "../config/options.ts";
import type { ServeConfig } from "../config/serve-config.ts";

const variable = `${internalEnvironmentPrefix}WORKER`;

/** The topic of the broadcast that announces a {@link ConfigRevision}. */
export const configTopic = "config";

export interface ConfigRevision {
  readonly config: ServeConfig;
  /** Grows with each change. */
  readonly revision: number;
}

export interface WorkerSettings extends ConfigRevision {
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
