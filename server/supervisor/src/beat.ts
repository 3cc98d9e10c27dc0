// The pulse: asks every worker whether its event loop turns, kills one that does not, and tells the service manager of all.
import type { ServiceManager } from "./service-manager.ts";
import type { WorkerHandle } from "./worker-handle.ts";

/**
 * Starts it, and returns what stops it. A worker that owes an answer for `watchdogMs` is killed (0: never).
 *
 * @param workers those that are there at each beat
 */
export function startBeat(
  workers: ReadonlySet<WorkerHandle>,
  watchdogMs: number,
  serviceManager: ServiceManager,
): () => void {
  const everyMs = watchdogMs === 0 ? 1000 : Math.max(20, watchdogMs / 4);
  const intervalMs = Math.min(1000, everyMs, serviceManager.aliveEveryMs ?? 1000);
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    // A beat that comes late means that this process slept (SIGSTOP, a debugger, a full machine), so nobody could be heard.
    const slept = now - last > 2 * intervalMs;
    last = now;
    for (const worker of workers) {
      if (slept) worker.forgetPing();
      worker.beat(now, watchdogMs);
    }
    serviceManager.alive([...workers].map((worker) => worker.silentMs(now)));
  }, intervalMs);
  return () => clearInterval(timer);
}
