// What Linux knows about the processes under test: their children, CPU time, memory and CPUs, and who accepted which
// connection; and about the machine.
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

// USER_HZ has been 100 on every Linux for x64 and arm64.
const microsPerTick = 10_000;

/** `pid` and all processes below it. */
export function descendants(pid: number): number[] {
  const pids = [pid];
  for (let index = 0; index < pids.length; index += 1) {
    for (const task of listOrNone(`/proc/${pids[index]}/task`)) {
      const children = readOrEmpty(`/proc/${pids[index]}/task/${task}/children`);
      for (const child of children.split(" ")) if (child !== "") pids.push(Number(child));
    }
  }
  return pids;
}

/** User and system time of all threads so far, in steps of 10 ms; 0 for a process that is gone. */
export function cpuMicros(pid: number): number {
  return microsOf(readOrEmpty(`/proc/${pid}/stat`));
}

/**
 * The same of the threads of some processes, those of one name together: `main`, and the names that the kernel has for the
 * others, which are the first 15 characters of those that Node, V8 and their makers gave them. One that ended is not there.
 */
export function threadMicros(pids: readonly number[]): Map<string, number> {
  const micros = new Map<string, number>();
  for (const pid of pids) {
    for (const task of listOrNone(`/proc/${pid}/task`)) {
      const stat = readOrEmpty(`/proc/${pid}/task/${task}/stat`);
      const name =
        task === String(pid) ? "main" : stat.slice(stat.indexOf("(") + 1, Math.max(0, stat.lastIndexOf(")")));
      micros.set(name, (micros.get(name) ?? 0) + microsOf(stat));
    }
  }
  return micros;
}

function microsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * microsPerTick;
}

/** All work of the machine so far, in steps of 10 ms, and the time that all its CPUs had for it. */
export function machineMicros(): { busy: number; total: number } {
  const [, ...fields] = (readOrEmpty("/proc/stat").split("\n")[0] ?? "").split(/ +/);
  // proc_stat(5): user nice system idle iowait irq softirq steal; guests are in user and nice already.
  const ticks = fields.slice(0, 8).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  return { busy: (total - idle) * microsPerTick, total: total * microsPerTick };
}

export interface Memory {
  /** The most that was resident since the process began, and what is now. */
  peakRssMiB: number;
  rssMiB: number;
  /** Resident, each page that others share counted in part; NaN where it may not be read. */
  pssMiB: number;
}

/** NaN for a process that is gone. */
export function readMemory(pid: number): Memory {
  const status = readOrEmpty(`/proc/${pid}/status`);
  return {
    peakRssMiB: mebibytes(status, "VmHWM"),
    rssMiB: mebibytes(status, "VmRSS"),
    pssMiB: mebibytes(readOrEmpty(`/proc/${pid}/smaps_rollup`), "Pss"),
  };
}

function mebibytes(text: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? Number.NaN) / 1024;
}

/** The CPUs that a process may run on, as Linux writes it: `0-1`, or `1` when it is pinned. */
export function allowedCpus(pid: number): string {
  return /^Cpus_allowed_list:\s+(\S+)$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? "";
}

/** Which of `pids` accepted the connections from these local IPv4 ports. */
export function acceptors(clientPorts: readonly number[], pids: readonly number[]): Map<number, number> {
  const wanted = new Set(clientPorts);
  const portOfInode = new Map<string, number>();
  for (const line of readOrEmpty("/proc/net/tcp").split("\n").slice(1)) {
    const fields = line.trim().split(/ +/);
    const remotePort = Number.parseInt(fields[2]?.split(":")[1] ?? "", 16);
    if (wanted.has(remotePort)) portOfInode.set(`socket:[${fields[9]}]`, remotePort);
  }
  const pidOfPort = new Map<number, number>();
  for (const pid of pids) {
    for (const fd of listOrNone(`/proc/${pid}/fd`)) {
      const port = portOfInode.get(linkOrEmpty(`/proc/${pid}/fd/${fd}`));
      if (port !== undefined) pidOfPort.set(port, pid);
    }
  }
  return pidOfPort;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function listOrNone(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
