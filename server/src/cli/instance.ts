import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Of /proc/self/stat, after the name in brackets: when the process began, in ticks since the kernel did (proc_pid_stat(5)). */
const startTimeField = 19;

/**
 * Tells this process from all others that ever used the store: eight hex digits, the same after an upgrade in place, which puts another
 * program into it.
 */
export function instanceOfProcess(): string {
  const stat = readFileSync("/proc/self/stat", "latin1");
  const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[startTimeField];
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  // Containers on one machine have the same pids.
  const namespace = readlinkSync("/proc/self/ns/pid");
  const name = [hostname(), boot, namespace, process.pid, startTime].join(" ");
  return createHash("sha256").update(name).digest("hex").slice(0, 8);
}
