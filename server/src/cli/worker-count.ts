import { availableParallelism } from "node:os";
import type { ServeConfig } from "../config/serve-config.ts";

/** SQLite has one writer: more workers than this only wait for each other. */
const maxAutoWorkers = 4;

/** How many processes are to serve. */
export function workerCount({ workers }: Pick<ServeConfig, "workers">): number {
  return workers === "auto" ? Math.min(maxAutoWorkers, availableParallelism()) : workers;
}
