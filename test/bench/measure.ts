// One measurement of something that takes Enqueue calls and delivers them: the same generator, target, payload and rules
// for the bare chain and for Fieldpost.
//
// acknowledged/s: calls answered over the time from the first call to the last answer, while delivery goes on behind.
// delivered/s: the same jobs over the time from the first call until the target got them all and all are on disk as
// finished.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import type { LoadOptions, LoadPorts, LoadResult, LoadRun } from "./load.ts";
import { loopDelayEnv, loopDelayP99Ms } from "./loop-delay.ts";
import type { Options } from "./options.ts";
import { acceptors, cpuMicros, descendants } from "./processes.ts";
import { perSecond } from "./stats.ts";
import type { TargetAsk, TargetCount, TargetReady } from "./target.ts";

export interface SubjectOptions {
  /** A fresh folder for its files. */
  folder: string;
  targetOrigin: string;
  /** For its processes. */
  env: NodeJS.ProcessEnv;
}

/** What is measured, running. */
export interface Subject {
  /** host:port for gRPC. */
  address: string;
  /** All its processes hang under these. */
  pids: number[];
  /** Resolves once the acknowledged jobs, all of which the target has got, are on disk as finished. */
  awaitRecorded(names: readonly string[]): Promise<void>;
  /** How many of the acknowledged jobs are not on disk as finished; outside the measured time. */
  countLost(names: readonly string[]): Promise<number>;
  end(): Promise<void>;
}

export interface Measurement {
  acknowledgedPerSecond: number;
  deliveredPerSecond: number;
  acknowledgeP99Ms: number;
  /** The worst of its processes; NaN when it could not be sampled. */
  loopDelayP99Ms: number;
  /** User and system time of all its processes: hardly moves with what else the machine does. */
  cpuMicrosPerJob: number;
  lost: number;
  /** Requests that the target got beyond the acknowledged jobs: repeats, which at-least-once allows. */
  repeats: number;
}

/** Starts everything, warms up, measures once, ends everything. Throws when a call fails or nothing moves any more. */
export async function measureDelivery(
  openSubject: (options: SubjectOptions) => Promise<Subject>,
  options: Options,
): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-bench-"));
  const loopDelays = mkdtempSync(join(folder, "loop-delay-"));
  await using stack = new AsyncDisposableStack();
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeFolder);
  stack.defer(() => {
    removeFolder();
    process.off("exit", removeFolder);
  });
  const target = await startChild<TargetReady>(new URL("target.ts", import.meta.url), {});
  stack.defer(() => target.child.end());
  const targetOrigin = `http://127.0.0.1:${target.ready.port}`;
  const subject = await openSubject({ folder, targetOrigin, env: loopDelayEnv(loopDelays) });
  stack.defer(() => subject.end());
  const load = await startLoad({
    addresses: [subject.address],
    connections: options.connections,
    targetUrl: `${targetOrigin}/hook`,
    client: options.client,
    spares: options.client === "raw" ? options.connections : 0,
  });
  stack.defer(() => load.end());
  const pids = subject.pids.flatMap(descendants);
  await balanceConnections(load, options.connections, pids);

  await run(options.warmup);
  const cpuBefore = cpuMicros(pids);
  const { result, reached, endNs } = await run(options.jobs);
  const cpuMicrosPerJob = (cpuMicros(pids) - cpuBefore) / options.jobs;
  // The samplers write every quarter of a second.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return {
    acknowledgedPerSecond: perSecond(options.jobs, result.firstNs, result.lastNs),
    deliveredPerSecond: perSecond(options.jobs, result.firstNs, endNs),
    acknowledgeP99Ms: result.latencyP99Ms,
    loopDelayP99Ms: loopDelayP99Ms(loopDelays, result.firstNs, endNs),
    cpuMicrosPerJob,
    lost: options.jobs - new Set(result.names).size + (await subject.countLost(result.names)),
    repeats: reached.count - options.jobs,
  };

  async function run(count: number): Promise<{ result: LoadResult; reached: TargetCount; endNs: bigint }> {
    await target.child.ask<TargetCount>({ kind: "reset" } satisfies TargetAsk);
    const result = await load.ask<LoadResult>({
      kind: "run",
      count,
      concurrency: options.concurrency,
    } satisfies LoadRun);
    if (result.failures > 0)
      throw new Error(`${result.failures} of ${count} calls failed: ${result.failure}`);
    const reached = await target.child.ask<TargetCount>({ kind: "await", count } satisfies TargetAsk);
    if (reached.count < count)
      throw new Error(`the target got ${reached.count} of ${count} jobs and no more`);
    await subject.awaitRecorded(result.names);
    return { result, reached, endNs: process.hrtime.bigint() };
  }
}

export async function startLoad(options: LoadOptions): Promise<Child> {
  return (await startChild(new URL("load.ts", import.meta.url), options)).child;
}

/** SO_REUSEPORT spreads connections by chance: of those that are open, keep as many for each process that accepts. */
async function balanceConnections(load: Child, connections: number, pids: readonly number[]): Promise<void> {
  const { ports } = await load.ask<LoadPorts>({ kind: "ports" });
  if (ports.length <= connections) return;
  const pidOfPort = acceptors(ports, pids);
  const groups = Map.groupBy(ports, (port) => pidOfPort.get(port) ?? 0);
  const keep: number[] = [];
  while (keep.length < connections) {
    for (const group of groups.values()) {
      const port = group.pop();
      if (port !== undefined && keep.length < connections) keep.push(port);
    }
  }
  await load.ask<LoadPorts>({ kind: "keep", ports: keep });
}
