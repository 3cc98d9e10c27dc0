import { DatabaseSync } from "node:sqlite";

/** How long opening waits for another process that migrates or recovers the file. */
const openTimeoutMs = 30_000;

/** Opens the file in WAL mode with an fsync at every commit; checkpoints only when asked to. */
export function openConnection(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: openTimeoutMs });
  try {
    const mode = database.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
    if (mode !== "wal") throw new Error(`the file cannot be put in WAL mode (it is in ${String(mode)})`);
    database.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY");
    // KiB. The index pages that every insert touches stay in memory.
    database.exec("PRAGMA cache_size = -16384");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** errcode of node:sqlite's errors: the primary result code of SQLite, or undefined for other errors. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number")
    return undefined;
  return error.errcode & 0xff;
}

/** Primary result codes (sqlite.org/rescode.html). */
export const SQLITE_BUSY = 5;
export const SQLITE_FULL = 13;
export const SQLITE_CONSTRAINT = 19;
