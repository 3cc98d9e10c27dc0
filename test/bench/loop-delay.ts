// Loaded into every process under test (NODE_OPTIONS=--import): how late a 10 ms timer of its event loop is. The samples
// go to a file of its own in the folder BENCH_LOOP_DELAY, as pairs of doubles: when (ms, CLOCK_MONOTONIC), how late (ms).
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { quantile } from "./stats.ts";

export const loopDelayVariable = "BENCH_LOOP_DELAY";
const stepMs = 10;
const samplesAWrite = 25;

const folder = process.env[loopDelayVariable];
if (folder !== undefined && isMainThread) sample(join(folder, String(process.pid)));

function sample(file: string): void {
  let pairs: number[] = [];
  let lastMs = nowMs();
  const tick = (): void => {
    const atMs = nowMs();
    if (pairs.push(atMs, Math.max(0, atMs - lastMs - stepMs)) === 2 * samplesAWrite) {
      appendFileSync(file, new Uint8Array(Float64Array.from(pairs).buffer));
      pairs = [];
    }
    lastMs = atMs;
  };
  setInterval(tick, stepMs).unref();
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The environment that makes a process and its children sample. */
export function loopDelayEnv(into: string): NodeJS.ProcessEnv {
  const options = process.env["NODE_OPTIONS"] ?? "";
  return { [loopDelayVariable]: into, NODE_OPTIONS: `${options} --import=${import.meta.url}`.trim() };
}

/** The 99th percentile over the worst process between two times; NaN when nothing was sampled. */
export function loopDelayP99Ms(from: string, firstNs: bigint, lastNs: bigint): number {
  const firstMs = Number(firstNs) / 1e6;
  const lastMs = Number(lastNs) / 1e6;
  const worst = readdirSync(from).map((file) => {
    const bytes = readFileSync(join(from, file));
    const pairs = new Float64Array(new Uint8Array(bytes).buffer);
    const late = pairs.filter((_, index) => {
      const atMs = pairs[index - 1] ?? 0;
      return index % 2 === 1 && atMs >= firstMs && atMs <= lastMs;
    });
    return late.length === 0 ? Number.NaN : quantile(late.toSorted(), 0.99);
  });
  const sampled = worst.filter((value) => !Number.isNaN(value));
  return sampled.length === 0 ? Number.NaN : Math.max(...sampled);
}
