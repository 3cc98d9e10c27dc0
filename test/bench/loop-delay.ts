// Loaded into every process under test (NODE_OPTIONS=--import): how late a timer of 2 ms on its event loop is, as
// perf_hooks.monitorEventLoopDelay sees it, but with the time of each sample, so that the measured window can be cut out
// afterwards. The samples go to a file `PID` in the folder BENCH_LOOP_DELAY, as pairs of doubles: when (ms,
// CLOCK_MONOTONIC), how late (ms). A process that has nothing else to do spends 1.5 % of a CPU on this, therefore only
// those sample for which there is a file `PID.start`.
import { appendFileSync, existsSync, readFileSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { quantile } from "./stats.ts";

const loopDelayVariable = "BENCH_LOOP_DELAY";
const stepMs = 2;
const samplesAWrite = 100;
const writtenWithinMs = 5000;
export const noDelay: LoopDelay = { p99Ms: Number.NaN, maxMs: Number.NaN };

const folder = process.env[loopDelayVariable];
// The threads of a store have event loops, too, but nobody waits for those.
if (folder !== undefined && isMainThread) awaitStart(folder);

function awaitStart(folder: string): void {
  const startFile = join(folder, `${process.pid}.start`);
  const watcher = watch(folder, { persistent: false }, look);
  look();

  function look(): void {
    if (!existsSync(startFile)) return;
    watcher.close();
    sample(join(folder, String(process.pid)));
  }
}

function sample(file: string): void {
  const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  const pairs = new Float64Array(2 * samplesAWrite);
  let filled = 0;
  let lastMs = performance.now();
  const tick = (): void => {
    const atMs = performance.now();
    pairs[filled++] = originMs + atMs;
    pairs[filled++] = Math.max(0, atMs - lastMs - stepMs);
    lastMs = atMs;
    if (filled === pairs.length) {
      filled = 0;
      appendFileSync(file, new Uint8Array(pairs.buffer));
      // The write is the sampler's own and not counted.
      lastMs = performance.now();
    }
  };
  setInterval(tick, stepMs).unref();
}

/** The environment that makes a process and its children wait for startLoopDelay. */
export function loopDelayEnv(into: string): NodeJS.ProcessEnv {
  return { [loopDelayVariable]: into };
}

export function startLoopDelay(folder: string, pid: number): void {
  writeFileSync(join(folder, `${pid}.start`), "");
}

export interface LoopDelay {
  p99Ms: number;
  maxMs: number;
}

/** Of one process that samples, between two times, as soon as it has written that far; NaN when nothing came. */
export async function readLoopDelay(
  folder: string,
  pid: number,
  firstNs: bigint,
  lastNs: bigint,
): Promise<LoopDelay> {
  const lastMs = Number(lastNs) / 1e6;
  const deadlineMs = Date.now() + writtenWithinMs;
  let pairs = readPairs(join(folder, String(pid)));
  while ((pairs.at(-2) ?? 0) < lastMs && Date.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    pairs = readPairs(join(folder, String(pid)));
  }
  return summarizeLoopDelay(pairs, Number(firstNs) / 1e6, lastMs);
}

function readPairs(file: string): Float64Array {
  if (!existsSync(file)) return new Float64Array();
  const bytes = readFileSync(file);
  return new Float64Array(new Uint8Array(bytes).buffer, 0, Math.floor(bytes.length / 16) * 2);
}

/** Of `pairs` of when and how late; those before and after the two times do not count. */
export function summarizeLoopDelay(pairs: Float64Array, firstMs: number, lastMs: number): LoopDelay {
  const late = pairs.filter((_, index) => {
    const atMs = pairs[index - 1] ?? 0;
    return index % 2 === 1 && atMs >= firstMs && atMs <= lastMs;
  });
  if (late.length === 0) return noDelay;
  late.sort();
  return { p99Ms: quantile(late, 0.99), maxMs: late.at(-1)! };
}
