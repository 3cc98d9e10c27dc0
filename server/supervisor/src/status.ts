// What `status()` and `reload()` answer.
import type { WorkerState } from "./worker-handle.ts";

export type Phase = "starting" | "running" | "stopping" | "stopped";

export interface WorkerStatus {
  slot: number;
  /** `"waiting"`: it died and its successor is not started yet. `"retired"`: this slot has no worker any more, and its last one ends. */
  state: WorkerState | "waiting" | "retired";
  pid: number | undefined;
  /** Counts the processes of this slot, from 1. */
  generation: number;
  /** ISO 8601. */
  startTime: string | undefined;
  cpu: number | undefined;
  connections: number;
  /** How long its event loop took to answer the last ping, in milliseconds. */
  lagMs: number;
  /** Processes of this slot that died without having been told to end. */
  restarts: number;
  /** Empty slots that it accepts on for a sibling. */
  adopted: number[];
  /** The process that is to take its place, while a reload waits for it to be ready. */
  successor: WorkerProcess | undefined;
  /** The process whose place it has taken, while that finishes what it has. */
  predecessor: WorkerProcess | undefined;
}

/** A process that shares a slot with its worker, for a while. */
export interface WorkerProcess {
  /** Undefined if it could not be spawned. */
  pid: number | undefined;
  generation: number;
  state: WorkerState;
  connections: number;
}

/** What a reload came to. */
export interface ReloadResult {
  /** Workers that were replaced: all of them. */
  replaced: number;
  /** The supervisor's own program was replaced, too. */
  upgraded: boolean;
  /** From the call, or from the end of the run before it, to the last worker's readiness, in milliseconds. */
  elapsedMs: number;
}

export interface SupervisorStatus {
  pid: number;
  phase: Phase;
  /** When the supervisor started, in ISO 8601. */
  startTime: string;
  /** What the program says of itself (`version`), if it does. */
  version: string | undefined;
  /** The supervisor's own, as in `v24.21.0`. */
  nodeVersion: string;
  listeners: { name: string; address: string }[];
  /** Why the workers are not pinned, if they are not. */
  unpinned: string | undefined;
  /** How many descriptors each process may have open (RLIMIT_NOFILE); undefined if the kernel does not say. */
  maxOpenFiles: number | undefined;
  workers: WorkerStatus[];
}
