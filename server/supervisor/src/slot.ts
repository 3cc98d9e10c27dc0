// One slot: a CPU, its listening sockets, and the processes that serve them. Only the machine and its rollouts change one.
import os from "node:os";

import { decidePinning, readAllowedCpus } from "./affinity.ts";
import type { WorkerProcess, WorkerStatus } from "./status.ts";
import type { CarriedSlot } from "./upgrade/carried.ts";
import type { WorkerHandle } from "./worker-handle.ts";

export interface Slot {
  readonly index: number;
  /** Of the process that is started next. */
  cpu: number | undefined;
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

/** Gives each slot its CPU; returns why not, if that is not possible. */
export function pinSlots(slots: readonly Slot[], pin: boolean): string | undefined {
  const pinning = decidePinning({
    ...{ pin, workers: slots.length, allowedCpus: readAllowedCpus() },
    parallelism: os.availableParallelism(),
  });
  for (const slot of slots) slot.cpu = pinning.pinned ? pinning.cpus[slot.index] : undefined;
  return pinning.pinned ? undefined : pinning.reason;
}

/** @param carried what the program before this one knows of it */
export function newSlot(index: number, carried?: CarriedSlot): Slot {
  return {
    index,
    cpu: undefined,
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
    cpu: worker === undefined ? cpu : worker.cpu,
    connections: worker?.connections ?? 0,
    lagMs: worker?.lagMs ?? 0,
    restarts: deaths,
    adopted: [...(worker?.adopted ?? [])],
    successor: processStatus(successor),
    predecessor: processStatus(predecessor),
  };
}

/** Of a slot that there is no worker for any more, as long as the last one has not ended. */
export function retiredStatus(slot: Slot): WorkerStatus {
  return { ...slotStatus(slot), state: "retired" };
}

function processStatus(worker: WorkerHandle | undefined): WorkerProcess | undefined {
  if (worker === undefined) return undefined;
  const { pid, generation, state, connections } = worker;
  return { pid, generation, state, connections };
}
