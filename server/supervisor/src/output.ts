// Standard output and error of a process as a file that can be exchanged while it runs. In the supervisor, and in a worker that is told to.
import fs from "node:fs";

import { duplicateFd, replaceFd } from "./syscalls.ts";

/** For its owner and for those who may read logs. */
const MODE = 0o640;

/** Makes standard output and error the file at `path`, at its end. Throws if that is not possible, and then nothing has changed. */
export function redirectOutput(path: string): void {
  const fd = fs.openSync(path, "a", MODE);
  try {
    for (const target of outputFds()) replaceFd(fd, target);
  } finally {
    fs.closeSync(fd);
  }
}

/** What standard output and error are now, to have it back. */
export function saveOutput(): { restore: () => void; forget: () => void } {
  const saved = outputFds().map((target) => ({ target, copy: duplicateFd(target) }));
  const forget = (): void => {
    for (const { copy } of saved.splice(0)) fs.closeSync(copy);
  };
  return {
    restore() {
      for (const { target, copy } of saved) replaceFd(copy, target);
      forget();
    },
    forget,
  };
}

/** Whether another process of this user writes to the same file as this one. */
export function sharesOutput(pid: number): boolean {
  try {
    const [theirs, ours] = [fs.statSync(`/proc/${pid}/fd/1`), fs.fstatSync(1)];
    return theirs.ino === ours.ino && theirs.dev === ours.dev;
  } catch {
    // It is gone, or nobody may look.
    return false;
  }
}

/** 1 and 2, and the descriptors that Node's streams have of their own: it opens a terminal anew when somebody first writes to it. */
function outputFds(): number[] {
  return [...new Set([1, 2, ...[process.stdout, process.stderr].flatMap((stream) => fdOf(stream) ?? [])])];
}

/** Node says it to nobody, and a stream's `fd` is the number that it should have. */
function fdOf(stream: unknown): number | undefined {
  const handle: unknown =
    typeof stream === "object" && stream !== null ? Reflect.get(stream, "_handle") : undefined;
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined;
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}
