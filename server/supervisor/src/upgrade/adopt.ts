import type { CheckedOptions } from "../options.ts";
import { sharesOutput } from "../output.ts";
import { endWorker } from "../rollout.ts";
import type { Slot } from "../slot.ts";
import { WorkerHandle } from "../worker-handle.ts";
import type { WorkerEvents } from "../worker-handle.ts";
import type { CarriedSlot, CarriedWorker } from "./carried.ts";

/** Puts the processes on a slot that the program before this one has left there, and returns them. */
export function adoptWorkers(
  slot: Slot,
  carried: CarriedSlot | undefined,
  { readyTimeoutMs, drainTimeoutMs, logFile }: CheckedOptions,
  events: WorkerEvents,
): WorkerHandle[] {
  const adopt = (worker: CarriedWorker | undefined): WorkerHandle | undefined => {
    if (worker === undefined) return undefined;
    const place = { slot: slot.index, generation: worker.generation, cpu: slot.cpu };
    const handle = WorkerHandle.adopt(place, worker, readyTimeoutMs, events);
    // The file may be another one now, or was rotated while nobody could hear SIGUSR1.
    if (logFile !== undefined && !sharesOutput(worker.pid)) void handle.reopenLogs(logFile);
    return handle;
  };
  slot.worker = adopt(carried?.worker);
  const predecessor = (slot.predecessor = adopt(carried?.predecessor));
  if (predecessor !== undefined) endWorker(predecessor, drainTimeoutMs);
  return [slot.worker, slot.predecessor].filter((worker) => worker !== undefined);
}
