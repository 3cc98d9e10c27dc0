// One slot: a CPU, its listening sockets, and the processes that serve them. Only the machine and its rollouts change one.
import os from "node:os";

import { countWorkers, decidePinning, readAllowedCpus } from "./affinity.ts";
import type { CheckedOptions } from "./options.ts";
import type { WorkerProcess, WorkerStatus } from "./status.ts";
import type { CarriedSlot } from "./upgrade/carried.ts";
import type { WorkerHandle } from "./worker-handle.ts";

export interface Slot {
  readonly index: number;
  readonly cpu: number | undefined;
  worker: WorkerHandle | undefined;
  /** In a reload: what is to replace the worker, as long as it is not trusted. It accepts as soon as it is ready. */
  successor: WorkerHandle | undefined;
  /** What was replaced, and finishes what it has. */
  predecessor: WorkerHandle | undefined;
  /** Of the process that was started last. */
  generation: number;
  /** Early deaths in a row. */
  failures: number;
  /** All deaths that nobody asked for. */
  deaths: number;
  /** The slot of the sibling that accepts here. */
  adopter: number | undefined;
  restartTimer: NodeJS.Timeout | undefined;
}

/**
 * One for each worker.
 *
 * @param carried what the program before this one knows of them
 * @returns also why they are not pinned, if they are not
 */
export function newSlots(
  { workers, pin }: Pick<CheckedOptions, "workers" | "pin">,
  carried?: readonly CarriedSlot[],
): { slots: Slot[]; unpinned: string | undefined } {
  const count = carried?.length ?? countWorkers(workers);
  const parallelism = os.availableParallelism();
  const pinning = decidePinning({ pin, workers: count, allowedCpus: readAllowedCpus(), parallelism });
  const cpus = pinning.pinned ? pinning.cpus : [];
  const slots = Array.from({ length: count }, (_, index) => newSlot(index, cpus[index], carried?.[index]));
  return { slots, unpinned: pinning.pinned ? undefined : pinning.reason };
}

function newSlot(index: number, cpu: number | undefined, carried?: CarriedSlot): Slot {
  return {
    index,
    cpu,
    worker: undefined,
    successor: undefined,
    predecessor: undefined,
    generation: carried?.generation ?? 0,
    failures: carried?.failures ?? 0,
    deaths: carried?.deaths ?? 0,
    adopter: carried?.adopter,
    restartTimer: undefined,
  };
}

export function slotStatus({
  index,
  cpu,
  worker,
  successor,
  predecessor,
  generation,
  deaths,
}: Slot): WorkerStatus {
  return {
    slot: index,
    state: worker?.state ?? "waiting",
    pid: worker?.pid,
    generation: worker?.generation ?? generation,
    startTime: worker?.startTime.toISOString(),
    cpu,
    connections: worker?.connections ?? 0,
    lagMs: worker?.lagMs ?? 0,
    restarts: deaths,
    adopted: [...(worker?.adopted ?? [])],
    successor: processStatus(successor),
    predecessor: processStatus(predecessor),
  };
}

function processStatus(worker: WorkerHandle | undefined): WorkerProcess | undefined {
  if (worker === undefined) return undefined;
  const { pid, generation, state, connections } = worker;
  return { pid, generation, state, connections };
}
