import { DatabaseSync } from "node:sqlite";

/** Marks a file as a Fieldpost store (PRAGMA application_id): "FPst". */
export const applicationId = 0x46507374;

/** How long opening waits for another process that makes, migrates or recovers the file. */
const openTimeoutMs = 30_000;

/**
 * Opens the file in WAL mode with an fsync at every commit; checkpoints only when asked to. Waits `openTimeoutMs` for
 * locks until the caller sets another busy_timeout.
 */
export function openConnection(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    const mode = retryWhileBusy(() => {
      refuseForeign(database);
      return database.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
    });
    if (mode !== "wal") throw new Error(`the file cannot be put in WAL mode (it is in ${String(mode)})`);
    database.exec(`PRAGMA busy_timeout = ${openTimeoutMs}`);
    database.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY");
    // KiB. The index pages that every insert touches stay in memory.
    database.exec("PRAGMA cache_size = -16384");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Before anything is written to it. */
function refuseForeign(database: DatabaseSync): void {
  // In this order: another process may be making the file right now, and commits its tables with its mark.
  const tables = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get()?.["count"];
  const id = database.prepare("PRAGMA application_id").get()?.["application_id"];
  if (tables !== 0 && id !== applicationId) {
    throw new Error("the file is an SQLite database, but not a Fieldpost store");
  }
}

/**
 * Two that open a new file at once both hold a shared lock and both want the exclusive one: with SQLite's busy handler
 * each would wait for the other until its time is over. So nobody waits with a lock in hand.
 */
export function retryWhileBusy<T>(attempt: () => T): T {
  const deadline = performance.now() + openTimeoutMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (sqliteCode(error) !== SQLITE_BUSY || performance.now() > deadline) throw error;
      nap(1 + 10 * Math.random());
    }
  }
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread, which must not be one with an event loop that others wait for. */
export function nap(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
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
