// What `status()` answers.
import type { WorkerState } from "./worker-handle.ts";

export type Phase = "starting" | "running" | "stopping" | "stopped";

export interface WorkerStatus {
  slot: number;
  /** `"waiting"`: it died and its successor is not started yet. */
  state: WorkerState | "waiting";
  pid: number | undefined;
  /** Counts the processes of this slot, from 1. */
  generation: number;
  startTime: Date | undefined;
  cpu: number | undefined;
  connections: number;
  /** How long its event loop took to answer the last ping, in milliseconds. */
  lagMs: number;
  /** Empty slots that it accepts on for a sibling. */
  adopted: number[];
}

export interface SupervisorStatus {
  pid: number;
  phase: Phase;
  listeners: { name: string; address: string }[];
  /** Why the workers are not pinned, if they are not. */
  unpinned: string | undefined;
  workers: WorkerStatus[];
}
