// The file that says which process the supervisor is. Whoever has it holds a lock on it (flock), which ends with the process, however
// that ends: a file without a lock is left over.
import fs from "node:fs";

import { fileError, SupervisorError } from "./errors.ts";
import { holderOf, requireNumberFile } from "./lock-file.ts";
import { closeFd, tryLock } from "./syscalls.ts";
import type { CarriedFile } from "./upgrade/carried.ts";

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = fs.constants;
/** For everybody to read. */
const MODE = 0o644;

/**
 * A PID file from the moment when it is ours. It has another name at first, which only one can have at a time, and is renamed when the
 * supervisor is ready: so nobody reads half of it, and the lock is never free between.
 */
export class PidFile {
  readonly path: string;
  /** Of the file, and of its lock. */
  readonly #fd: number;
  #released = false;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  /**
   * Takes the file, also in the place of one that a killed supervisor left. Throws PID_FILE_LOCKED if a supervisor has it that lives, or
   * PID_FILE_FAILED.
   */
  static claim(path: string): PidFile {
    try {
      // Before the other name is taken: somebody else may be just about to start, and this one would be in the way.
      refuseIfHeld(path);
      const file = new PidFile(path, lockNew(path));
      try {
        // Now nobody else can put a file there.
        removeStale(path);
        fs.ftruncateSync(file.#fd);
        fs.writeSync(file.#fd, `${process.pid}\n`, 0);
        return file;
      } catch (error) {
        file.release();
        throw error;
      }
    } catch (error) {
      throw error instanceof SupervisorError
        ? error
        : fileError("PID_FILE_FAILED", `the PID file ${path}`, error);
    }
  }

  /** As the program before this one had it. */
  static adopt({ path, fd }: CarriedFile): PidFile {
    return new PidFile(path, fd);
  }

  carry(): CarriedFile {
    return { path: this.path, fd: this.#fd };
  }

  /** Lets everybody see it. Can be called again. */
  publish(): void {
    if (isAt(this.path, this.#fd)) return;
    try {
      fs.renameSync(newName(this.path), this.path);
    } catch (error) {
      throw fileError("PID_FILE_FAILED", `the PID file ${this.path}`, error);
    }
  }

  /** Removes it, unless what is there is another one, and gives the lock back. Can be called again. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    try {
      for (const name of [this.path, newName(this.path)]) if (isAt(name, this.#fd)) fs.unlinkSync(name);
    } catch {
      // Its folder is gone, or not ours any more. What is left there has no lock.
    }
    closeFd(this.#fd);
  }
}

function newName(path: string): string {
  return `${path}.new`;
}

/** A descriptor of the file that has the other name, locked. */
function lockNew(path: string): number {
  const name = newName(path);
  for (;;) {
    const fd = fs.openSync(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, MODE);
    try {
      requireNumberFile("PID_FILE_FAILED", "a PID file", name, fd);
      if (!tryLock(fd, "exclusive")) throw locked(path, fd);
      if (isAt(name, fd)) return fd;
      // Between the two calls it was renamed or removed: it is another's, or nobody's.
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    fs.closeSync(fd);
  }
}

/** Removes a file that nobody holds; nobody else may do so at this moment. */
function removeStale(path: string): void {
  if (refuseIfHeld(path)) fs.unlinkSync(path);
}

/** True if there is a file that nobody holds. */
function refuseIfHeld(path: string): boolean {
  for (;;) {
    const fd = openIfThere(path);
    if (fd === undefined) return false;
    try {
      requireNumberFile("PID_FILE_FAILED", "a PID file", path, fd);
      // Shared: two that look at the same time are not to take each other for its owner.
      if (!tryLock(fd, "shared")) throw locked(path, fd);
      if (isAt(path, fd)) return true;
    } finally {
      fs.closeSync(fd);
    }
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function locked(path: string, fd: number): SupervisorError {
  const message = `${holderOf(fd)} has the PID file ${path}: one supervisor at a time can have it`;
  return new SupervisorError("PID_FILE_LOCKED", message);
}

/** Whether this file has this name. */
function isAt(path: string, fd: number): boolean {
  const there = fs.lstatSync(path, { throwIfNoEntry: false });
  const ours = fs.fstatSync(fd);
  return there?.ino === ours.ino && there.dev === ours.dev;
}
