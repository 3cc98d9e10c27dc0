// Process 1 of a container is the parent of whatever lost its own, and has to take note of its end: else it stays a zombie, and its number
// taken.
import fs from "node:fs";

import { reap } from "./syscalls.ts";

/** How long whoever started a process has to take note of its end. */
const GRACE_MS = 1000;

/**
 * Reaps zombies that nobody else does, if this is process 1; returns what ends that. Children that Node knows and those that are `known` have
 * somebody: waitpid(-1), as a small init does it, would take their end away.
 */
export function startReaping(known: (pid: number) => boolean): () => void {
  if (process.pid !== 1 || !seesItself()) return () => {};
  let timer: NodeJS.Timeout | undefined;
  /** Those that were zombies at the last look. */
  let before = new Set<number>();
  const look = (): void => {
    timer = undefined;
    const zombies = zombieChildren().filter((pid) => !known(pid));
    for (const pid of zombies) if (before.has(pid)) reapIfThere(pid);
    before = new Set(zombies.filter((pid) => !before.has(pid)));
    if (before.size > 0) schedule();
  };
  const schedule = (): void => {
    // After a turn of the event loop, in which Node hears of the end of what it started, however long it could not.
    timer ??= setTimeout(() => setImmediate(look), GRACE_MS).unref();
  };
  process.on("SIGCHLD", schedule);
  // What ended while another program was in this process.
  schedule();
  return () => {
    process.off("SIGCHLD", schedule);
    clearTimeout(timer);
  };
}

/** Whether /proc is the one of this process's PID namespace: another one's numbers mean others. */
function seesItself(): boolean {
  try {
    return fs.readlinkSync("/proc/self") === String(process.pid);
  } catch {
    return false;
  }
}

function reapIfThere(pid: number): void {
  try {
    reap(pid);
  } catch {
    // A thread of this program has started it, and been faster.
  }
}

function zombieChildren(): number[] {
  try {
    const names = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return names.map(Number).filter(isZombieChild);
  } catch {
    // No descriptor left, for a while. The next end of a child is a reason to look again.
    return [];
  }
}

function isZombieChild(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    // proc_pid_stat(5): pid, name in parentheses (with anything in it), state, parent.
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" && Number(parent) === process.pid;
  } catch {
    return false;
  }
}
