// A real process whose event loop stands still is seen from outside.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { loopDelayEnv, readLoopDelay, startLoopDelay, summarizeLoopDelay } from "./loop-delay.ts";

const blockMs = 80;
/** Says when it is ready; blocks once for each line that it gets, and goes on turning until its input ends. */
const program = `
  process.stdin.on("data", () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${blockMs});
    console.log("blocked");
  });
  new (require("node:worker_threads").Worker)("", { eval: true }).once("exit", () => console.log("ready"));
`;

test("a process samples once it is told to, and a loop that stood still was late by as much", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-loop-delay-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const preload = new URL("loop-delay.ts", import.meta.url).href;
  const child = spawn(process.execPath, [`--import=${preload}`, "--eval", program], {
    env: { ...process.env, ...loopDelayEnv(folder) },
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const file = join(folder, String(child.pid));
  expect(existsSync(file)).toBe(false);

  startLoopDelay(folder, child.pid!);
  const soonNs = process.hrtime.bigint() + 100_000_000n;
  const before = await readLoopDelay(folder, child.pid!, 0n, soonNs);
  expect(before.p99Ms).toBeGreaterThanOrEqual(0);

  const firstNs = process.hrtime.bigint();
  child.stdin.write("block");
  await once(child.stdout, "data");
  const lastNs = process.hrtime.bigint() + 500_000_000n;
  const { maxMs } = await readLoopDelay(folder, child.pid!, firstNs, lastNs);
  // The timer was due at some time of the block's first 2 ms, or up to 2 ms later.
  expect(maxMs).toBeGreaterThan(blockMs - 5);
});

test("the event-loop delay is that of the samples between two times", () => {
  const samples = [1, 900, 2, 5, 3, 1, 4, 3, 5, 800];
  expect(summarizeLoopDelay(Float64Array.from(samples), 2, 4)).toEqual({ p99Ms: 5, maxMs: 5 });
  expect(summarizeLoopDelay(Float64Array.from(samples), 3, 4)).toEqual({ p99Ms: 3, maxMs: 3 });
  expect(summarizeLoopDelay(Float64Array.from(samples), 6, 9)).toEqual({ p99Ms: NaN, maxMs: NaN });
});

test("one sample of two hundred may be as late as it wants before the 99th percentile moves", () => {
  const samples = Array.from({ length: 200 }, (_, index) => [index, index === 100 ? 50 : 1]).flat();
  expect(summarizeLoopDelay(Float64Array.from(samples), 0, 200)).toEqual({ p99Ms: 1, maxMs: 50 });
});
