/**
 * What follows from an fsync that failed in a checkpoint. The kernel holds the pages that it could not write for written
 * (fsyncgate, PostgreSQL 2018), and SQLite notes in shared memory which of the WAL's frames it has copied, before any
 * fsync: the next checkpoint, of any process, would copy the rest only, hear from its fsync that all is well, and give
 * up the WAL. So after a failure nobody checkpoints until all processes have ended, which makes SQLite forget that note,
 * and one that is alone has copied the whole WAL again. They end without closing the file, since whoever closes it last
 * checkpoints.
 */
import { existsSync, unlinkSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { retryWhileBusy, sqliteCode, SQLITE_BUSY, SQLITE_FULL } from "./connection.ts";

/** A file beside the store, for all that have it open. It need not survive a power cut: nor does what the kernel holds. */
const markOf = (path: string): string => `${path}-failed`;

/** The store takes no more changes from this process. */
export class FailedSync extends Error {}

/** An fsync failed in a checkpoint of this file, and that is not repaired. Then to close it may lose what is in it. */
export function hasFailedSync(path: string): boolean {
  return existsSync(markOf(path));
}

/**
 * The checkpoints of a file, one at a time over all processes: the next one begins when it is known, and said to all, how
 * the last one ended. A process that dies lets go.
 */
export class Checkpoints {
  readonly #path: string;
  /** An empty database beside the store: of its locks one is ours, and it is never written to. */
  readonly #lock: DatabaseSync;

  constructor(path: string) {
    this.#path = path;
    this.#lock = new DatabaseSync(`${path}-lock`, { timeout: 0 });
  }

  /**
   * Runs a checkpoint of the file.
   *
   * @returns undefined if another one is under way
   * @throws FailedSync if it fails, or an earlier one did, here or in another process; other errors changed nothing
   */
  run<T>(checkpoint: () => T): T | undefined {
    try {
      this.#lock.exec("BEGIN IMMEDIATE");
    } catch (error) {
      if (sqliteCode(error) === SQLITE_BUSY) return undefined;
      throw error;
    }
    try {
      return checkpointOnce(this.#path, checkpoint);
    } finally {
      this.#lock.exec("ROLLBACK");
    }
  }

  close(): void {
    this.#lock.close();
  }
}

function checkpointOnce<T>(path: string, checkpoint: () => T): T {
  if (hasFailedSync(path)) throw new FailedSync("an fsync of the store failed in another process");
  try {
    return checkpoint();
  } catch (error) {
    const code = sqliteCode(error);
    if (code === SQLITE_BUSY || code === SQLITE_FULL) throw error;
    const message = error instanceof Error ? error.message : String(error);
    try {
      writeFileSync(markOf(path), `${new Date().toISOString()} a checkpoint failed: ${message}\n`);
    } catch {
      // The kernel tells each process that has the file open of the failure once; this mark is for those that come later.
    }
    throw new FailedSync(`a checkpoint failed: ${message}`);
  }
}

/** Before the file is opened: waits until no other process has it, and copies the whole WAL again. */
export function repairFailedSync(path: string): void {
  retryWhileBusy(() => {
    if (!hasFailedSync(path)) return;
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      // Alone, and with no memory that others have written to.
      database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL");
      database.exec("SELECT 1 FROM sqlite_schema");
      // Whoever was alone before this one did it.
      if (!hasFailedSync(path)) return;
      const { busy } = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()!;
      if (busy !== 0) throw new Error("the store cannot be repaired after a failed fsync");
      unlinkSync(markOf(path));
    } finally {
      database.close();
    }
  });
}
