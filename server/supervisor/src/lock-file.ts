// A file whose lock (flock) says that a supervisor runs which nobody else may run beside. It stays when the lock ends, which it does with the
// process, however that ends: what has no lock means nothing.
import fs from "node:fs";

import { fileError, SupervisorError } from "./errors.ts";
import { closeFd, tryLock } from "./syscalls.ts";
import type { CarriedFile } from "./upgrade/carried.ts";

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = fs.constants;
/** For everybody to read. */
const MODE = 0o644;
const MAX_BYTES = 32;

export class LockFile {
  readonly path: string;
  readonly #fd: number;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  /** Throws LOCK_FILE_LOCKED if a supervisor has it that lives, or LOCK_FILE_FAILED. */
  static claim(path: string): LockFile {
    try {
      const fd = fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, MODE);
      try {
        requireNumberFile("LOCK_FILE_FAILED", "a lock file", path, fd);
        if (!tryLock(fd, "exclusive")) {
          const message = `${holderOf(fd)} has the lock file ${path}: one supervisor at a time can have it`;
          throw new SupervisorError("LOCK_FILE_LOCKED", message);
        }
        fs.ftruncateSync(fd);
        fs.writeSync(fd, `${process.pid}\n`, 0);
        return new LockFile(path, fd);
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
    } catch (error) {
      throw error instanceof SupervisorError
        ? error
        : fileError("LOCK_FILE_FAILED", `the lock file ${path}`, error);
    }
  }

  /** As the program before this one had it. */
  static adopt({ path, fd }: CarriedFile): LockFile {
    return new LockFile(path, fd);
  }

  carry(): CarriedFile {
    return { path: this.path, fd: this.#fd };
  }

  release(): void {
    closeFd(this.#fd);
  }
}

/** A file with other things in it is somebody's who did not mean this one. */
export function requireNumberFile(
  code: "PID_FILE_FAILED" | "LOCK_FILE_FAILED",
  what: string,
  path: string,
  fd: number,
): void {
  const stat = fs.fstatSync(fd);
  if (stat.isFile() && stat.size <= MAX_BYTES && /^\s*\d*\s*$/.test(contentOf(fd))) return;
  throw new SupervisorError(code, `${path} exists and is not ${what}; it is left alone`);
}

/** Who has the lock of a file in which it writes its PID. */
export function holderOf(fd: number): string {
  const pid = Number(contentOf(fd));
  // One that has it this moment has not written its own yet, and one of another container has another number here.
  return pid > 0 && isAlive(pid) ? `process ${pid}` : "another process";
}

function contentOf(fd: number): string {
  const bytes = Buffer.alloc(MAX_BYTES);
  return bytes.toString("latin1", 0, fs.readSync(fd, bytes, 0, MAX_BYTES, 0));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
