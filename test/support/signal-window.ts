import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";

/**
 * For how long, until `done` settles, a signal would have ended a process: it is neither caught nor ignored. In milliseconds,
 * from looking again and again.
 */
export async function measureSignalWindow(
  pid: number,
  signal: NodeJS.Signals,
  done: Promise<unknown>,
): Promise<number> {
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  let isDone = false;
  void done.finally(() => (isDone = true)).catch(() => {});
  let openMs = 0;
  let last = performance.now();
  while (!isDone) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const now = performance.now();
    const [caught, ignored] = ["SigCgt", "SigIgn"].map((name) =>
      BigInt(`0x${new RegExp(`^${name}:\\s*(\\S+)$`, "m").exec(status)![1]}`),
    );
    if (((caught! | ignored!) & bit) === 0n) openMs += now - last;
    last = now;
    await nextTurn();
  }
  return openMs;
}
