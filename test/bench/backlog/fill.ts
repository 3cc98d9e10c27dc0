// A store with many jobs that are not due for days.
import { join } from "node:path";
import { statSync } from "node:fs";
import type { LoadResult, LoadRun } from "../calls.ts";
import { openFieldpost, type FieldpostOptions } from "../fieldpost.ts";
import { balanceConnections, startLoad } from "../measure.ts";
import { perSecond } from "../stats.ts";

export interface Filled {
  folder: string;
  store: string;
  jobs: number;
  jobsPerSecond: number;
  /** Of the file, when the relay has ended. */
  storeMiB: number;
}

const batchSize = 10_000;
const callsInFlight = 4;
const workers = 2;
const day = 86_400;
const deepest = 1_000_000_000;

/** What `serve` is started with, whatever the store holds. */
export function relayOptions(folder: string): FieldpostOptions {
  const flags = ["--max-depth", String(deepest)];
  return { folder, store: join(folder, "store.db"), targetOrigin: "", env: {}, workers, flags };
}

/** Through BatchEnqueue, in whole batches of 10,000, or one of all; due over the week that begins tomorrow. */
export async function fill(folder: string, backlog: number): Promise<Filled> {
  const relay = await openFieldpost(relayOptions(folder));
  try {
    const size = Math.min(batchSize, backlog);
    const load = await startLoad({
      addresses: [relay.address],
      connections: callsInFlight,
      targetUrl: "http://127.0.0.1:65535/hook",
      way: { kind: "batch", size, delaySeconds: day, spreadSeconds: 7 * day },
      client: "raw",
      spares: 8 * workers,
    });
    const pids = relay.processes.map(({ pid }) => pid);
    await balanceConnections(load, callsInFlight, pids);
    const run: LoadRun = { kind: "run", count: backlog, concurrency: callsInFlight };
    const { failures, failure, names, firstNs, lastNs } = await load.ask<LoadResult>(run);
    await load.end();
    if (failures > 0) throw new Error(`${failures} of ${backlog} jobs were not taken: ${failure}`);
    await relay.end();
    const { store } = relayOptions(folder);
    const storeMiB = statSync(store).size / 1024 ** 2;
    return {
      folder,
      store,
      jobs: names.length,
      jobsPerSecond: perSecond(names.length, firstNs, lastNs),
      storeMiB,
    };
  } catch (error) {
    await relay.end();
    throw error;
  }
}
