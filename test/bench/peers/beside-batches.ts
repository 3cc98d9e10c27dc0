// How long a single Enqueue takes at a modest, constant rate: alone, and while batches of 10,000 come in without a pause.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadPace, LoadResult, LoadRun } from "../calls.ts";
import { startChild, type Child } from "../child.ts";
import { openFieldpost } from "../fieldpost.ts";
import { balanceConnections, startLoad } from "../measure.ts";
import type { Options } from "../options.ts";
import { perSecond } from "../stats.ts";
import type { TargetReady } from "../target.ts";

const ratePerSecond = 500;
const batchSize = 10_000;
const workers = 2;
const day = 86_400;

export interface BesideBatches {
  aloneP50Ms: number;
  aloneP99Ms: number;
  besideP50Ms: number;
  besideP99Ms: number;
  /** In the batches, meanwhile. */
  batchJobsPerSecond: number;
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
  const alone = await ask(single, pace);
  let isOver = false;
  const answered: LoadResult[] = [];
  const batching = (async (): Promise<void> => {
    while (!isOver) answered.push(await ask(batches, { kind: "run", count: batchSize, concurrency: 1 }));
  })();
  const beside = await ask(single, pace);
  isOver = true;
  await batching;
  return {
    aloneP50Ms: alone.latencyP50Ms,
    aloneP99Ms: alone.latencyP99Ms,
    besideP50Ms: beside.latencyP50Ms,
    besideP99Ms: beside.latencyP99Ms,
    batchJobsPerSecond: perSecond(answered.length * batchSize, answered[0]!.firstNs, answered.at(-1)!.lastNs),
  };
}

async function ask(load: Child, message: LoadRun | LoadPace): Promise<LoadResult> {
  const result = await load.ask<LoadResult>(message);
  if (result.failures > 0) throw new Error(`${result.failures} calls failed: ${result.failure}`);
  return result;
}
