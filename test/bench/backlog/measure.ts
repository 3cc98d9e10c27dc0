// One measurement of a store with a backlog: start, calls at a constant rate, jobs that come due at the same rate, memory.
import type { LoadPace, LoadResult } from "../calls.ts";
import { startChild } from "../child.ts";
import { openFieldpost } from "../fieldpost.ts";
import { balanceConnections, startCountingOthers, startLoad, type SubjectProcess } from "../measure.ts";
import { readMemory } from "../processes.ts";
import { quantile } from "../stats.ts";
import type { TargetAsk, TargetCount, TargetReady } from "../target.ts";
import { relayOptions } from "./fill.ts";
import { readLateness } from "./lateness.ts";
import { awaitFirstAnswer, awaitReady } from "./start.ts";

export const perSecond = 200;
const connections = 2;
/** Every job is due so long after it was taken over. */
const delaySeconds = 2;
const warmupSeconds = 3;
const restMs = 3000;
const sampleEveryMs = 250;

export interface BacklogRound {
  readyMs: number;
  firstAnswerMs: number;
  enqueueP50Ms: number;
  enqueueP99Ms: number;
  latenessP50Ms: number;
  latenessP99Ms: number;
  latenessMaxMs: number;
  /** Of each worker, MiB. */
  memory: Record<Phase, WorkerMemory[]>;
  otherCpuShare: number;
}
/** As soon as it is ready; the most while it has work; when it has rested. */
export type Phase = "start" | "load" | "after";
export interface WorkerMemory {
  pssMiB: number;
  rssMiB: number;
}

export async function measureBacklog(folder: string, seconds: number): Promise<BacklogRound> {
  await using stack = new AsyncDisposableStack();
  const target = await startChild<TargetReady>(new URL("../target.ts", import.meta.url), {});
  stack.defer(() => target.child.end());
  const targetUrl = `http://127.0.0.1:${target.ready.port}/hook`;
  const starts: Promise<number>[] = [];
  const onStart = ({ grpc, http }: { grpc: string; http: string }): void => {
    starts.push(awaitReady(http), awaitFirstAnswer(grpc, targetUrl));
  };
  const relay = await openFieldpost({ ...relayOptions(folder), onStart });
  stack.defer(() => relay.end());
  const [readyMs, firstAnswerMs] = (await Promise.all(starts)) as [number, number];
  const workers = relay.processes.filter(({ isWorker }) => isWorker);
  const start = workers.map(readWorker);

  const load = await startLoad({
    addresses: [relay.address],
    connections,
    targetUrl,
    way: { kind: "unary", delaySeconds },
    client: "raw",
    spares: 8 * workers.length,
  });
  stack.defer(() => load.end());
  const pids = relay.processes.map(({ pid }) => pid);
  await balanceConnections(load, connections, pids);
  await run(warmupSeconds * perSecond);
  const countOthers = startCountingOthers([process.pid, target.child.pid, load.pid, ...pids]);
  let underLoad = start;
  const sampler = setInterval(() => {
    underLoad = workers.map((worker, index) => most(readWorker(worker), underLoad[index]!));
  }, sampleEveryMs);
  stack.defer(() => clearInterval(sampler));
  const result = await run(seconds * perSecond);
  clearInterval(sampler);
  const otherCpuShare = countOthers();
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const after = workers.map(readWorker);
  const lateness = await readLateness(relay.address, result.names);
  return {
    readyMs,
    firstAnswerMs,
    enqueueP50Ms: result.latencyP50Ms,
    enqueueP99Ms: result.latencyP99Ms,
    latenessP50Ms: quantile(lateness, 0.5),
    latenessP99Ms: quantile(lateness, 0.99),
    latenessMaxMs: lateness.at(-1)!,
    memory: { start, load: underLoad, after },
    otherCpuShare,
  };

  /** Enqueues at the rate, and waits until all of it is delivered and recorded. */
  async function run(count: number): Promise<LoadResult> {
    await target.child.ask<TargetCount>({ kind: "reset" } satisfies TargetAsk);
    const result = await load.ask<LoadResult>({ kind: "pace", count, perSecond } satisfies LoadPace);
    if (result.failures > 0) throw new Error(`${result.failures} calls failed: ${result.failure}`);
    const reached = await target.child.ask<TargetCount>({ kind: "await", count } satisfies TargetAsk);
    if (reached.count < count) throw new Error(`the target got ${reached.count} of ${count} jobs`);
    await relay.awaitRecorded(result.names);
    return result;
  }
}

function readWorker({ pid }: SubjectProcess): WorkerMemory {
  const { pssMiB, rssMiB } = readMemory(pid);
  return { pssMiB, rssMiB };
}

function most(one: WorkerMemory, other: WorkerMemory): WorkerMemory {
  return { pssMiB: Math.max(one.pssMiB, other.pssMiB), rssMiB: Math.max(one.rssMiB, other.rssMiB) };
}
