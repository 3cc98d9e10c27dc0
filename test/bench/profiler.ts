// Loaded into every process under test (NODE_OPTIONS=--import) when a profile is wanted: V8's sampling CPU profiler, in
// the main thread and in each worker thread. The folder BENCH_PROFILE is how bench and threads talk, as threads deep
// inside a server have no other wire: a thread is there as `PID-THREAD.waiting`, which becomes `.profiling` once the
// file `start` has appeared, and `.cpuprofile` after the file `stop`.
import { existsSync, readdirSync, readFileSync, renameSync, watch, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { join } from "node:path";
import { isMainThread, threadId, threadName } from "node:worker_threads";
import type { CpuProfile } from "./flame-graph.ts";

export const profileVariable = "BENCH_PROFILE";
/** Four times as fine as V8's default; a sample costs about 10 µs. */
const sampleMicros = 250;
const answerWithinMs = 10_000;

/** Of one thread. */
export interface ThreadProfile {
  pid: number;
  /** `main`, or the name that the thread was started with. */
  thread: string;
  profile: CpuProfile;
}

const folder = process.env[profileVariable];
if (folder !== undefined) awaitStart(folder);

function awaitStart(folder: string): void {
  const name = join(folder, `${process.pid}-${threadId}`);
  const session = new Session();
  let isProfiling = false;
  writeFileSync(`${name}.waiting`, "");
  const watcher = watch(folder, { persistent: false }, look);
  look();

  function look(): void {
    if (!isProfiling && readPids(folder).includes(process.pid)) {
      isProfiling = true;
      session.connect();
      session.post("Profiler.enable");
      session.post("Profiler.setSamplingInterval", { interval: sampleMicros });
      session.post("Profiler.start", () => renameSync(`${name}.waiting`, `${name}.profiling`));
    }
    if (isProfiling && existsSync(join(folder, "stop"))) {
      watcher.close();
      session.post("Profiler.stop", (error, answer) => {
        if (error) throw error;
        const thread = isMainThread ? "main" : (threadName ?? "worker thread");
        const result: ThreadProfile = { pid: process.pid, thread, profile: answer.profile };
        writeFileSync(`${name}.profiling`, JSON.stringify(result));
        renameSync(`${name}.profiling`, `${name}.cpuprofile`);
        session.disconnect();
      });
    }
  }
}

/** The environment that makes a process, its threads and its children wait for startProfiles. */
export function profilerEnv(into: string): NodeJS.ProcessEnv {
  return { [profileVariable]: into };
}

/** Resolves when all threads of these processes are being profiled. */
export async function startProfiles(folder: string, pids: readonly number[]): Promise<void> {
  writeFileSync(join(folder, "start"), JSON.stringify(pids));
  await noneLeft(folder, ".waiting");
}

/** Those of the file `start`, none as long as it is not there, or is empty still. */
function readPids(folder: string): number[] {
  const file = join(folder, "start");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  return text === "" ? [] : (JSON.parse(text) as number[]);
}

export async function stopProfiles(folder: string): Promise<ThreadProfile[]> {
  writeFileSync(join(folder, "stop"), "");
  await noneLeft(folder, ".profiling");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".cpuprofile"))
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as ThreadProfile);
}

async function noneLeft(folder: string, suffix: string): Promise<void> {
  const pids = readPids(folder);
  const deadlineMs = Date.now() + answerWithinMs;
  for (;;) {
    const left = readdirSync(folder).filter(
      (file) => file.endsWith(suffix) && pids.includes(Number.parseInt(file, 10)),
    );
    if (left.length === 0) return;
    if (Date.now() > deadlineMs) throw new Error(`not profiled (PID-THREAD): ${left.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
