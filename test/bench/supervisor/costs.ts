// What the processes themselves cost: memory, time to start, and CPU.
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";

import { startChild } from "../child.ts";
import { cpuMicros, descendants, readMemory } from "../processes.ts";
import type { Memory } from "../processes.ts";
import type { RequestLoadOptions, RequestLoadResult, RequestLoadRun } from "./request-load.ts";
import { startSubject } from "./subjects.ts";
import type { Kind, Setup } from "./subjects.ts";

const IDLE_MS = 1000;
const WARMUP_MS = 1000;
const RATE_MS = 3000;

export interface IdleCost {
  readonly startMs: number;
  readonly parent: Memory;
  readonly worker: Memory;
  /** A Node that does nothing, beside it at the same time. */
  readonly bare: Memory;
}

/** With two workers that serve HTTP, a second after they are ready. */
export async function measureIdle(setup: Setup, kind: Kind): Promise<IdleCost> {
  await using subject = await startSubject(setup, kind, "http");
  using bare = startBareNode();
  await delay(IDLE_MS);
  const [worker] = await subject.workerPids();
  return {
    startMs: subject.startMs,
    parent: readMemory(subject.pid),
    worker: readMemory(worker!),
    bare: readMemory(bare.pid),
  };
}

function startBareNode(): { pid: number } & Disposable {
  // It ends by itself, too, should the bench be killed.
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 10_000)"], { stdio: "ignore" });
  return { pid: child.pid!, [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

export const paths = ["/", "/work"] as const;
export type Path = (typeof paths)[number];

export interface Rate {
  readonly perSecond: number;
  /** CPU of all processes of the subject, in milliseconds. */
  readonly cpuMsPerThousand: number;
  /** Of the generator, likewise: what it takes from them. */
  readonly generatorCpuMsPerThousand: number;
}

export async function measureRates(
  setup: Setup,
  kind: Kind,
  { workers, connections }: { workers: number; connections: number },
): Promise<Record<Path, Rate>> {
  await using subject = await startSubject(setup, kind, "http", { workers });
  const options: RequestLoadOptions = { port: subject.port, connections };
  const { child } = await startChild(new URL("request-load.ts", import.meta.url), options);
  const run = (path: Path, ms: number): Promise<RequestLoadResult> =>
    child.ask({ path, ms } satisfies RequestLoadRun);
  const measure = async (path: Path): Promise<Rate> => {
    await run(path, WARMUP_MS);
    const pids = [subject.pid, child.pid];
    const before = pids.map(cpuMsOf);
    const { answered, seconds } = await run(path, RATE_MS);
    const [servers = 0, generator = 0] = pids.map((pid, index) => cpuMsOf(pid) - before[index]!);
    return {
      perSecond: answered / seconds,
      cpuMsPerThousand: (1000 * servers) / answered,
      generatorCpuMsPerThousand: (1000 * generator) / answered,
    };
  };
  try {
    return { "/": await measure("/"), "/work": await measure("/work") };
  } finally {
    await child.end();
  }
}

/** Of a process and all below it. */
function cpuMsOf(pid: number): number {
  return descendants(pid).reduce((sum, each) => sum + cpuMicros(each), 0) / 1000;
}
