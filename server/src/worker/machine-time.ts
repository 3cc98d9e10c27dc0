import { readFileSync } from "node:fs";
import type { MachineTime } from "../store/store.ts";

const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** The wall clock, and the time since the machine was started, in which it may have slept (proc(5), /proc/uptime). */
export function readMachineTime(): MachineTime {
  const [uptime = ""] = readFileSync("/proc/uptime", "utf8").split(" ");
  return { now: Date.now(), uptimeMs: Number(uptime) * 1000, boot };
}
