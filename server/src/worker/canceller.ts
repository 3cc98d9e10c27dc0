import { setTimeout as sleep } from "node:timers/promises";
import type { SupervisedWorker } from "@fieldpost/supervisor/worker";
import type { Canceller } from "../api/relay.ts";
import type { Store } from "../store/store.ts";

const topic = "cancel";
/** A worker that does not hear of it is killed and recovered in less (DESIGN §3.4). */
const endedWithinMs = 20_000;
const maxPollMs = 100;

export interface CancellerOptions {
  readonly supervised: Pick<SupervisedWorker, "broadcast" | "onBroadcast">;
  readonly store: Pick<Store, "isSending">;
  /** This worker's number in the store. */
  readonly worker: number;
  /** Stops an attempt of this worker. */
  readonly abort: (key: number, attempt: number) => void;
}

/** Stops a job's dispatch here, or tells the worker that has it. */
export function createCanceller({ supervised, store, worker: own, abort }: CancellerOptions): Canceller {
  supervised.onBroadcast(topic, (payload) => {
    const { worker, key, attempt } = JSON.parse(payload) as Record<"worker" | "key" | "attempt", number>;
    if (worker === own) abort(key, attempt);
  });
  return {
    stop({ worker, key, attempt }) {
      if (worker === own) abort(key, attempt);
      else supervised.broadcast(topic, JSON.stringify({ worker, key, attempt }));
    },
    // The store knows, whoever sends it and whatever becomes of that worker; a broadcast may be lost.
    async ended(key) {
      const deadline = performance.now() + endedWithinMs;
      for (let pollMs = 1; await store.isSending(key); pollMs = Math.min(2 * pollMs, maxPollMs)) {
        if (performance.now() > deadline) return false;
        await sleep(pollMs);
      }
      return true;
    },
  };
}
