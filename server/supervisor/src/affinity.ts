import os from "node:os";

import { getAffinity, setAffinity } from "./syscalls.ts";

/** One CPU for each worker, or the reason why there is none. */
export type Pinning = { pinned: true; cpus: number[] } | { pinned: false; reason: string };

/** The CPUs that this process may use, ascending; none where a sandbox forbids to ask or to set. */
export function readAllowedCpus(): number[] {
  try {
    const cpus = getAffinity();
    setAffinity(cpus);
    return cpus;
  } catch {
    return [];
  }
}

/**
 * Decides the CPU of each worker. Only CPUs that the supervisor itself may use are given out, lowest first. Workers are left to the kernel when
 * there are more of them than CPUs (two on one CPU could not move to an idle one) or when a CPU quota gives less than the mask shows.
 */
export function decidePinning(options: {
  pin: boolean;
  workers: number;
  allowedCpus: readonly number[];
  /** What the cgroup's quota leaves, as `os.availableParallelism()` counts it. */
  parallelism: number;
}): Pinning {
  const { pin, workers, allowedCpus, parallelism } = options;
  if (!pin) return { pinned: false, reason: "switched off" };
  if (allowedCpus.length === 0) return { pinned: false, reason: "not permitted on this machine" };
  if (workers > allowedCpus.length) {
    return { pinned: false, reason: `${workers} workers on ${allowedCpus.length} CPUs` };
  }
  if (parallelism < allowedCpus.length) {
    return { pinned: false, reason: `a quota of ${parallelism} on ${allowedCpus.length} CPUs` };
  }
  return { pinned: true, cpus: allowedCpus.slice(0, workers) };
}

/** `"auto"`: one worker for each CPU that mask and quota leave. */
export function countWorkers(workers: number | "auto"): number {
  return workers === "auto" ? Math.max(1, os.availableParallelism()) : workers;
}

/**
 * Runs `spawn` with this thread on one CPU and puts the old mask back. A child takes its mask from the thread that forks it, so
 * each of its threads is on that CPU from the first instruction; a worker that pinned itself would move only its main thread.
 */
export function withAffinity<T>(cpu: number | undefined, spawn: () => T): T {
  if (cpu === undefined) return spawn();
  const before = getAffinity();
  try {
    setAffinity([cpu]);
  } catch {
    // The CPU was taken away (offline, another cpuset). A worker on any CPU is better than none.
    return spawn();
  }
  try {
    return spawn();
  } finally {
    setAffinity(before);
  }
}
