import { readFileSync } from "node:fs";
import type { MachineTime } from "../store/store.ts";

const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** The file is read anew after so long, or when the wall clock and this process's own have moved apart by so much. */
const trustedMs = 1000;
const apartMs = 20;

let read = { ownMs: Number.NEGATIVE_INFINITY, uptimeLessOwn: 0, wallLessOwn: 0 };

/**
 * The wall clock, and the time since the machine was started, in which it may have slept (proc(5), /proc/uptime). A
 * process's own clock stands still meanwhile, and costs no system call.
 */
export function readMachineTime(): MachineTime {
  const [now, ownMs] = [Date.now(), performance.now()];
  if (ownMs - read.ownMs > trustedMs || Math.abs(now - ownMs - read.wallLessOwn) > apartMs) {
    const [uptime = ""] = readFileSync("/proc/uptime", "utf8").split(" ");
    read = { ownMs, uptimeLessOwn: Number(uptime) * 1000 - ownMs, wallLessOwn: now - ownMs };
  }
  return { now, uptimeMs: ownMs + read.uptimeLessOwn, boot };
}
