import { expect, test } from "vitest";
import { allowedCpus, cpuMicros, machineMicros, readMemory, threadMicros } from "./processes.ts";
import { perSecond, quantile, summarize } from "./stats.ts";

test("a quantile is the value below which that share lies", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index);
  expect(quantile(hundred, 0.99)).toBe(99);
  expect(quantile(hundred, 0.5)).toBe(50);
  expect(quantile([7], 0.99)).toBe(7);
  expect(quantile([], 0.99)).toBe(0);
});

test("a summary has least, median and greatest, and is NaN of nothing", () => {
  expect(summarize([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
  expect(summarize([4, 1, 2, 3])).toEqual({ min: 1, median: 2.5, max: 4 });
  expect(summarize([])).toEqual({ min: NaN, median: NaN, max: NaN });
});

test("events per second are counted from times in ns", () => {
  expect(perSecond(500, 1_000_000_000n, 1_250_000_000n)).toBe(2000);
});

test("Linux says what a process costs", () => {
  const { peakRssMiB, rssMiB, pssMiB } = readMemory(process.pid);
  expect(rssMiB * 2 ** 20).toBeGreaterThan(process.memoryUsage().heapUsed);
  expect(peakRssMiB).toBeGreaterThanOrEqual(rssMiB);
  expect(pssMiB).toBeGreaterThan(0);
  expect(cpuMicros(process.pid)).toBeGreaterThan(0);
  expect(allowedCpus(process.pid)).toMatch(/^\d+([-,]\d+)*$/);
});

test("and what the machine does: time passes on all CPUs, and this process's own is a part of the work", () => {
  const before = machineMicros();
  const ownBefore = cpuMicros(process.pid);
  while (cpuMicros(process.pid) < ownBefore + 100_000);
  const now = machineMicros();
  const ofThreads = [...threadMicros([process.pid]).values()].reduce((sum, micros) => sum + micros);
  expect(ofThreads).toBeGreaterThanOrEqual(50_000);
  expect(ofThreads).toBeLessThanOrEqual(cpuMicros(process.pid));
  expect(now.total).toBeGreaterThan(before.total);
  // Ticks are counted at other times for the whole than for the process.
  expect(now.busy - before.busy).toBeGreaterThanOrEqual(50_000);
  expect(now.busy - before.busy).toBeLessThanOrEqual(now.total - before.total);
});

test("and nothing of one that is gone", () => {
  expect(readMemory(0)).toEqual({ peakRssMiB: NaN, rssMiB: NaN, pssMiB: NaN });
  expect(cpuMicros(0)).toBe(0);
  expect(threadMicros([0])).toEqual(new Map());
});
