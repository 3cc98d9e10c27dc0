import fs from "node:fs";

/**
 * How many descriptors this process, and each worker, may have open (RLIMIT_NOFILE). Node raises the soft limit to the hard one as it starts;
 * undefined if the kernel does not say.
 */
export function maxOpenFiles(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(fs.readFileSync("/proc/self/limits", "latin1")) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
