// One measurement of something that takes Enqueue calls and delivers them: the same generator, target, payload and rules
// for the bare chain and for Fieldpost.
//
// acknowledged/s: calls answered over the time from the first call to the last answer, while delivery goes on behind.
// delivered/s: the same jobs over the time from the first call until the target got them all and all are on disk as
// finished.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadResult, LoadRun } from "./calls.ts";
import { type Child, startChild } from "./child.ts";
import { fsyncDelayEnv } from "./fsync-delay.ts";
import type { LoadOptions, LoadPorts, Way } from "./load.ts";
import { loopDelayEnv, noDelay, readLoopDelay, startLoopDelay } from "./loop-delay.ts";
import type { Options } from "./options.ts";
import {
  acceptors,
  allowedCpus,
  cpuMicros,
  machineMicros,
  readMemory,
  threadMicros,
  type Memory,
} from "./processes.ts";
import { profilerEnv, startProfiles, stopProfiles, type ThreadProfile } from "./profiler.ts";
import { perSecond } from "./stats.ts";
import type { TargetAsk, TargetCount, TargetReady } from "./target.ts";

const acceptedWithinMs = 10_000;

export interface SubjectOptions {
  /** A fresh folder, to work in. */
  folder: string;
  /** The file in it that shall be its store. */
  store: string;
  targetOrigin: string;
  /** For its processes. */
  env: NodeJS.ProcessEnv;
  /** How many processes accept calls. */
  workers: number;
}

/** What is measured, running. */
export interface Subject {
  /** host:port for gRPC. */
  address: string;
  processes: SubjectProcess[];
  /** Its own generator, which answers LoadRun, where jobs do not come by gRPC. */
  startLoad?(targetUrl: string, way: Way): Promise<Child>;
  /** Resolves once the acknowledged jobs, all of which the target has got, are on disk as finished. */
  awaitRecorded(names: readonly string[]): Promise<void>;
  /** How many of the acknowledged jobs are not on disk as finished; outside the measured time. */
  countLost(names: readonly string[]): Promise<number>;
  end(): Promise<void>;
}
export interface SubjectProcess {
  /** `supervisor`, `worker 0`. */
  name: string;
  pid: number;
  /** It accepts calls. */
  isWorker: boolean;
}
export type OpenSubject = (options: SubjectOptions) => Promise<Subject>;

export interface Measurement {
  acknowledgedPerSecond: number;
  /** NaN where the jobs were not due yet. */
  deliveredPerSecond: number;
  /** Of calls. */
  acknowledgeP99Ms: number;
  /** The worst of its workers; NaN when it could not be sampled. */
  loopDelayP99Ms: number;
  /** User and system time of all its processes: hardly moves with what else the machine does. */
  cpuMicrosPerJob: number;
  /** Of that, what the threads took that are alive at the end, by their names. */
  threads: Record<string, number>;
  /** Of the generator, likewise: what a client costs, where it is one as users have it. */
  generatorCpuMicrosPerJob: number;
  /** What processes that have nothing to do with it took of the CPUs meanwhile: 0.5 makes the figures worthless. */
  otherCpuShare: number;
  /** Of all its processes together; NaN where it may not be read. */
  pssMiB: number;
  lost: number;
  /** Requests that the target got beyond the acknowledged jobs: repeats, which at-least-once allows. */
  repeats: number;
  processes: ProcessMeasurement[];
}
/** Memory is read when all jobs of the measured run are recorded. */
export interface ProcessMeasurement extends Memory {
  name: string;
  isWorker: boolean;
  /** NaN for what is not a worker. */
  loopDelayP99Ms: number;
  loopDelayMaxMs: number;
  cpuMicrosPerJob: number;
  /** Which CPUs it may use, `0-1` for instance. */
  cpus: string;
}

export interface MeasureOptions extends Options {
  /** Default: unary calls. */
  way?: Way;
  /** Of the subject. */
  processes: number;
  fsyncDelayMs: number;
  /** Gets the profiles of the measured run, if there shall be any. */
  onProfiles?: (profiles: readonly ThreadProfile[], processes: readonly SubjectProcess[]) => void;
}

/** Starts everything, warms up, measures once, ends everything. Throws when a call fails or nothing moves any more. */
export async function measureDelivery(
  openSubject: OpenSubject,
  options: MeasureOptions,
): Promise<Measurement> {
  const { onProfiles, jobs, way = { kind: "unary" } } = options;
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-bench-"));
  const loopDelays = mkdtempSync(join(folder, "loop-delay-"));
  const profiles = mkdtempSync(join(folder, "profile-"));
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
  const preloads = ["loop-delay.ts", ...(onProfiles === undefined ? [] : ["profiler.ts"])];
  const store = join(folder, "store.db");
  const env = {
    ...fsyncDelayEnv(store, options.fsyncDelayMs),
    ...loopDelayEnv(loopDelays),
    ...(onProfiles === undefined ? {} : profilerEnv(profiles)),
    NODE_OPTIONS: [process.env["NODE_OPTIONS"] ?? "", ...preloads.map(importFlag)].join(" ").trim(),
  };
  const subject = await openSubject({ folder, store, targetOrigin, env, workers: options.processes });
  stack.defer(() => subject.end());
  const pids = subject.processes.map(({ pid }) => pid);
  const load = await openLoad(subject, `${targetOrigin}/hook`, way, options);
  stack.defer(() => load.end());

  const workers = subject.processes.filter(({ isWorker }) => isWorker).map(({ pid }) => pid);
  for (const pid of workers) startLoopDelay(loopDelays, pid);
  await run(options.warmup);
  if (onProfiles !== undefined) await startProfiles(profiles, workers);
  const cpuBefore = pids.map(cpuMicros);
  const threadsBefore = threadMicros(pids);
  const generatorCpuBefore = cpuMicros(load.pid);
  const countOthers = startCountingOthers([process.pid, target.child.pid, load.pid, ...pids]);
  const { result, reached, endNs } = await run(jobs);
  const otherCpuShare = countOthers();
  const cpuAfter = pids.map(cpuMicros);
  const threads = [...threadMicros(pids)].map(([name, micros]): [string, number] => [
    name,
    (micros - (threadsBefore.get(name) ?? 0)) / jobs,
  ]);
  const generatorCpu = cpuMicros(load.pid) - generatorCpuBefore;
  const memory = pids.map(readMemory);
  if (onProfiles !== undefined) onProfiles(await stopProfiles(profiles), subject.processes);
  const processes: ProcessMeasurement[] = [];
  for (const [index, { name, isWorker, pid }] of subject.processes.entries()) {
    const delay = isWorker ? await readLoopDelay(loopDelays, pid, result.firstNs, endNs) : noDelay;
    processes.push({
      name,
      isWorker,
      loopDelayP99Ms: delay.p99Ms,
      loopDelayMaxMs: delay.maxMs,
      cpuMicrosPerJob: (cpuAfter[index]! - cpuBefore[index]!) / jobs,
      ...memory[index]!,
      cpus: allowedCpus(pid),
    });
  }
  return {
    acknowledgedPerSecond: perSecond(jobs, result.firstNs, result.lastNs),
    deliveredPerSecond: isDue(way) ? perSecond(jobs, result.firstNs, endNs) : Number.NaN,
    acknowledgeP99Ms: result.latencyP99Ms,
    loopDelayP99Ms: Math.max(
      ...processes.filter(({ isWorker }) => isWorker).map(({ loopDelayP99Ms }) => loopDelayP99Ms),
    ),
    cpuMicrosPerJob: sum(processes.map(({ cpuMicrosPerJob }) => cpuMicrosPerJob)),
    threads: Object.fromEntries(threads),
    generatorCpuMicrosPerJob: generatorCpu / jobs,
    otherCpuShare,
    pssMiB: sum(processes.map(({ pssMiB }) => pssMiB)),
    lost: jobs - new Set(result.names).size + (isDue(way) ? await subject.countLost(result.names) : 0),
    repeats: isDue(way) ? reached.count - jobs : 0,
    processes,
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
    const ask: TargetAsk = isDue(way) ? { kind: "await", count } : { kind: "count" };
    const reached = await target.child.ask<TargetCount>(ask);
    if (!isDue(way)) return { result, reached, endNs: result.lastNs };
    if (reached.count < count)
      throw new Error(`the target got ${reached.count} of ${count} jobs and no more`);
    await subject.awaitRecorded(result.names);
    return { result, reached, endNs: process.hrtime.bigint() };
  }
}

/** Whether jobs go out as soon as they are there. */
function isDue(way: Way): boolean {
  return way.kind === "stream" || way.delaySeconds === undefined;
}

async function openLoad(
  subject: Subject,
  targetUrl: string,
  way: Way,
  { connections, client, processes }: MeasureOptions,
): Promise<Child> {
  if (subject.startLoad !== undefined) return subject.startLoad(targetUrl, way);
  const [addresses, pids] = [[subject.address], subject.processes.map(({ pid }) => pid)];
  // Enough that each process gets one, although chance decides: 8 of 72 miss one of eight once in two thousand times.
  const spares = client === "raw" ? 8 * processes : 0;
  const load = await startLoad({ addresses, connections, targetUrl, way, client, spares });
  await balanceConnections(load, connections, pids);
  return load;
}

/** The share of all CPUs that went to others than `pids` from now until the answer is asked for. */
export function startCountingOthers(pids: readonly number[]): () => number {
  const oursBefore = sum(pids.map(cpuMicros));
  const before = machineMicros();
  return () => {
    const now = machineMicros();
    const ours = sum(pids.map(cpuMicros)) - oursBefore;
    return Math.max(0, now.busy - before.busy - ours) / (now.total - before.total);
  };
}

function importFlag(file: string): string {
  return `--import=${new URL(file, import.meta.url).href}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export async function startLoad(options: LoadOptions): Promise<Child> {
  return (await startChild(new URL("load.ts", import.meta.url), options)).child;
}

/** SO_REUSEPORT spreads connections by chance: of those that are open, keep as many for each process that accepts. */
export async function balanceConnections(
  load: Child,
  connections: number,
  pids: readonly number[],
): Promise<void> {
  const { ports } = await load.ask<LoadPorts>({ kind: "ports" });
  if (ports.length <= connections) return;
  const deadlineMs = Date.now() + acceptedWithinMs;
  let pidOfPort = acceptors(ports, pids);
  // A process that is still starting accepts its connections later.
  while (pidOfPort.size < ports.length && Date.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    pidOfPort = acceptors(ports, pids);
  }
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
