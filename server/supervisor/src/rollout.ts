// Replaces all workers while they serve: a new process is started beside the old one, on the same sockets, and the old one is
// told to end when the new one is ready. Slot 0 is the canary.
import { coverSlots } from "./coverage.ts";
import { SupervisorError } from "./errors.ts";
import type { CheckedOptions } from "./options.ts";
import type { Slot } from "./slot.ts";
import type { Phase, ReloadResult } from "./status.ts";
import type { WorkerHandle } from "./worker-handle.ts";

/** What a rollout takes from the machine. */
export interface RolloutHost {
  readonly slots: readonly Slot[];
  /** How many there are to be: the slots from here on are not touched. */
  readonly workers: number;
  readonly options: CheckedOptions;
  readonly phase: () => Phase;
  /** Starts a process on a slot. */
  readonly spawn: (slot: Slot) => WorkerHandle;
}

/** How a reload began. */
export interface Beginning {
  /** In milliseconds since 1970. */
  readonly time: number;
  /** In the program before this one. */
  readonly upgraded: boolean;
}

/** Replaces one worker after the other. Throws RELOAD_FAILED at the first that cannot be; nothing is lost then either. */
export async function rollOut(host: RolloutHost, { time, upgraded }: Beginning): Promise<ReloadResult> {
  const { slots, workers, options } = host;
  for (const slot of slots.slice(0, workers)) {
    try {
      await replace(host, slot, slot.index === 0 ? options.canaryMs : 0);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const error = new SupervisorError("RELOAD_FAILED", `${why}; ${whoServes(slot.index)}`, { cause });
      options.logger.error("reload failed", { slot: slot.index, error: error.message });
      throw error;
    }
  }
  const result = { replaced: workers, upgraded, elapsedMs: Math.round(Date.now() - time) };
  options.logger.info("reloaded", { ...result });
  return result;
}

/** Puts a new process on a slot; rejects, with the old one still there, if that is not ready or does not stay so. */
async function replace(host: RolloutHost, slot: Slot, canaryMs: number): Promise<void> {
  // At most two processes on a slot: what the reload before this one left has until its deadline.
  await slot.predecessor?.gone;
  requireRunning(host);
  const successor = host.spawn(slot);
  slot.successor = successor;
  if ((await successor.settled) === "gone") throw failure(successor, "before it was ready");
  const { promise: trusted, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, canaryMs);
  await Promise.race([trusted, successor.gone]);
  clearTimeout(timer);
  if (successor.state === "gone") throw failure(successor, `within ${canaryMs} ms after it was ready`);
  requireRunning(host);
  promote(host, slot, successor);
}

function promote({ slots, options }: RolloutHost, slot: Slot, successor: WorkerHandle): void {
  const old = slot.worker;
  clearTimeout(slot.restartTimer);
  slot.restartTimer = undefined;
  slot.successor = undefined;
  slot.worker = successor;
  slot.failures = 0;
  // What the old one stood in for has a new one before the old one closes it.
  for (const covered of slots) if (covered.adopter === slot.index) covered.adopter = undefined;
  coverSlots(slots);
  if (old === undefined) return;
  slot.predecessor = old;
  endWorker(old, options.drainTimeoutMs);
}

/** Tells a worker to finish what it has. */
export function endWorker(worker: WorkerHandle, drainTimeoutMs: number): void {
  const killTimer = setTimeout(() => worker.kill("drain deadline"), drainTimeoutMs);
  void worker.gone.then(() => clearTimeout(killTimer));
  worker.drain(drainTimeoutMs);
}

function requireRunning({ phase }: RolloutHost): void {
  if (phase() !== "running") throw new Error(`the supervisor is ${phase()}`);
}

function failure({ slot, generation, ending }: WorkerHandle, when: string): Error {
  return new Error(`worker ${slot} (generation ${generation}) failed ${when}: ${ending}`);
}

function whoServes(failed: number): string {
  if (failed === 0) return "all workers serve on as they were";
  const replaced = failed === 1 ? "slot 0 is" : `slots 0 to ${failed - 1} are`;
  return `${replaced} replaced, the others serve on as they were`;
}
