// How long a single Enqueue takes at a modest, constant rate: alone; while batches of 10,000 come in, every two seconds and
// without a pause; and beside processes that only compute, for as long as such a batch takes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadPace, LoadResult, LoadRun } from "../calls.ts";
import { startChild, type Child } from "../child.ts";
import { openFieldpost } from "../fieldpost.ts";
import { balanceConnections, startLoad } from "../measure.ts";
import type { Options } from "../options.ts";
import { perSecond, summarize } from "../stats.ts";
import type { TargetReady } from "../target.ts";

const ratePerSecond = 500;
const batchSize = 10_000;
const workers = 2;
const day = 86_400;

/** From the begin of one batch to that of the next. */
const batchEveryMs = 2000;
/** As many as are busy with a batch: its client, and the worker that takes it. */
const computing = 2;

export interface Latency {
  p50Ms: number;
  p99Ms: number;
}

export interface BesideBatches {
  alone: Latency;
  /** Beside processes that compute as long as a batch takes, every two seconds. */
  computing: Latency;
  /** Beside a batch every two seconds. */
  paced: Latency & { batchMs: number };
  endless: Latency & { batchJobsPerSecond: number };
}

/** The jobs of the batches are due in a day, so what is beside the calls are the batches alone; the others are delivered. */
export async function measureBesideBatches({ seconds, warmup }: Options): Promise<BesideBatches> {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-bench-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const target = await startChild<TargetReady>(new URL("../target.ts", import.meta.url), {});
  stack.defer(() => target.child.end());
  const targetOrigin = `http://127.0.0.1:${target.ready.port}`;
  const store = join(folder, "store.db");
  const relay = await openFieldpost({ folder, store, targetOrigin, env: {}, workers });
  stack.defer(() => relay.end());
  const connect = async (delaySeconds?: number): Promise<Child> => {
    const load = await startLoad({
      addresses: [relay.address],
      connections: workers,
      targetUrl: `${targetOrigin}/hook`,
      way: delaySeconds === undefined ? { kind: "unary" } : { kind: "batch", size: batchSize, delaySeconds },
      client: "raw",
      spares: 8 * workers,
    });
    stack.defer(() => load.end());
    await balanceConnections(
      load,
      workers,
      relay.processes.map(({ pid }) => pid),
    );
    return load;
  };
  const [single, batches] = [await connect(), await connect(day)];
  await ask(single, { kind: "run", count: warmup, concurrency: 256 });
  await ask(batches, { kind: "run", count: 2 * batchSize, concurrency: 1 });

  const pace: LoadPace = { kind: "pace", count: ratePerSecond * seconds, perSecond: ratePerSecond };
  /** Does `work` over and over beside the calls. */
  const beside = async (work: () => Promise<unknown>): Promise<Latency> => {
    let isOver = false;
    const working = (async (): Promise<void> => {
      while (!isOver) await work();
    })();
    const { latencyP50Ms: p50Ms, latencyP99Ms: p99Ms } = await ask(single, pace);
    isOver = true;
    await working;
    return { p50Ms, p99Ms };
  };
  const answered: LoadResult[] = [];
  const sendBatch = async (): Promise<LoadResult> => {
    const result = await ask(batches, { kind: "run", count: batchSize, concurrency: 1 });
    answered.push(result);
    return result;
  };

  const { latencyP50Ms, latencyP99Ms } = await ask(single, pace);
  const paced = await beside(() => Promise.all([sendBatch(), sleep(batchEveryMs)]));
  const { median: batchMs } = summarize(
    answered.splice(0).map(({ firstNs, lastNs }) => Number(lastNs - firstNs) / 1e6),
  );
  const computers = await Promise.all(
    Array.from({ length: computing }, () => startChild(new URL("computer.ts", import.meta.url), {})),
  );
  for (const { child } of computers) stack.defer(() => child.end());
  const compute = (): Promise<unknown[]> =>
    Promise.all(computers.map(({ child }) => child.ask({ forMs: batchMs })));
  const besideComputing = await beside(() => Promise.all([compute(), sleep(batchEveryMs)]));
  const endless = await beside(sendBatch);
  const jobs = answered.length * batchSize;
  return {
    alone: { p50Ms: latencyP50Ms, p99Ms: latencyP99Ms },
    computing: besideComputing,
    paced: { ...paced, batchMs },
    endless: {
      ...endless,
      batchJobsPerSecond: perSecond(jobs, answered[0]!.firstNs, answered.at(-1)!.lastNs),
    },
  };
}

async function ask(load: Child, message: LoadRun | LoadPace): Promise<LoadResult> {
  const result = await load.ask<LoadResult>(message);
  if (result.failures > 0) throw new Error(`${result.failures} calls failed: ${result.failure}`);
  return result;
}
