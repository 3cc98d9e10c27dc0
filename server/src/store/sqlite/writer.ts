/**
 * The thread that writes: takes a group of changes, runs them in one transaction, answers when that is on disk.
 * One fsync serves all calls of the group; the event loop never waits for one.
 */
import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { nap, openConnection, sqliteCode, SQLITE_BUSY, SQLITE_FULL } from "./connection.ts";
import { isDamage, markDamaged, refuseDamaged } from "./damage.ts";
import { Checkpoints, FailedSync, repairFailedSync } from "./failed-sync.ts";
import { migrate } from "./migrations.ts";
import { answer, openInThread } from "./thread-side.ts";
import type { Answer, Group, GroupAnswer } from "./thread-side.ts";
import { writeCodec } from "./writes/codec.ts";
import { Writes } from "./writes.ts";
import type { WriteOperation } from "./writes/operations.ts";

/** How long a change waits for the writers of other processes; less than a worker's lease. */
const busyTimeoutMs = 5_000;
/**
 * How long it sleeps between two tries: first as long as the shortest commit of another process takes, then an eighth of
 * what it has waited already, since a disk that is slow is not worth a processor. SQLite's own busy handler sleeps 1, 2,
 * 5, 10, … ms.
 */
const busyRetryMs = 0.15;
const maxBusyRetryMs = 1;

// A lock that is held is an Error for each try, and half of its cost is the stack that nobody reads.
Error.stackTraceLimit = 0;

/** Prepared once: each group begins and ends with them. */
interface Transaction {
  readonly begin: StatementSync;
  readonly commit: StatementSync;
}

/** Takes the write lock, whoever has it. */
function begin(transaction: Transaction): void {
  const start = performance.now();
  for (;;) {
    try {
      transaction.begin.run();
      return;
    } catch (error) {
      const waitedMs = performance.now() - start;
      if (sqliteCode(error) !== SQLITE_BUSY || waitedMs > busyTimeoutMs) throw error;
      nap(Math.min(maxBusyRetryMs, Math.max(busyRetryMs, waitedMs / 8)));
    }
  }
}

function transact<T>(database: DatabaseSync, transaction: Transaction, writes: Writes, change: () => T): T {
  begin(transaction);
  let committing = false;
  try {
    writes.begin();
    const result = change();
    writes.end();
    committing = true;
    transaction.commit.run();
    return result;
  } catch (error) {
    if (isDamage(error)) {
      markDamaged(path, error);
      failed = error;
    }
    if (database.isTransaction) database.exec("ROLLBACK");
    // What a failed fsync left on disk nobody knows, and a second one may lie (fsyncgate, PostgreSQL 2018). A full disk
    // is known: the rollback took all of it back.
    if (committing && sqliteCode(error) !== SQLITE_FULL) failed = error;
    throw error;
  }
}

/** Set by a commit that failed: from then on nothing is acknowledged until the process starts anew. */
let failed: unknown;

function runGroup(
  database: DatabaseSync,
  transaction: Transaction,
  writes: Writes,
  operations: readonly WriteOperation[],
): GroupAnswer {
  if (failed !== undefined) return operations.map(() => answer.failure(failed, "failed"));
  try {
    return transact(database, transaction, writes, () => runInOrder(writes, operations));
  } catch (error) {
    if (failed !== undefined || operations.length === 1 || sqliteCode(error) === SQLITE_BUSY) {
      return operations.map(() => answer.failure(error, failed === undefined ? "refused" : "failed"));
    }
    // One of them spoiled the transaction of all: each on its own, so that only that one fails.
    return operations.flatMap((operation) => runGroup(database, transaction, writes, [operation]));
  }
}

/**
 * How long the writer tries to bring the WAL back to its start when it opens the file: a whole WAL may have to be copied,
 * by this or by another process. Far less than a worker may take to be ready: a program that keeps reading, a backup say,
 * must not keep the relay from starting.
 */
const firstRestartTimeoutMs = 5000;

/**
 * Checkpoints what is left, and lets the next commit begin at the start of the WAL. That takes a moment in which nobody
 * writes and nobody reads from the WAL: writers of other processes are kept out by the write lock, and readers of ours
 * are quick.
 */
function restartLog(database: DatabaseSync, checkpoints: Checkpoints, timeoutMs: number): void {
  const restart = database.prepare("PRAGMA wal_checkpoint(RESTART)");
  const deadline = performance.now() + timeoutMs;
  database.exec(`PRAGMA busy_timeout = ${Math.ceil(timeoutMs / 4)}`);
  // Busy at once: another process has a checkpoint under way. Busy late: a writer or a reader was in the way.
  const isBusy = () => checkpoints.run(() => restart.get()!["busy"]) !== 0;
  try {
    while (isBusy() && performance.now() < deadline) nap(2);
  } finally {
    database.exec("PRAGMA busy_timeout = 0");
  }
}

function tryRestartLog(database: DatabaseSync, checkpoints: Checkpoints, timeoutMs: number): void {
  try {
    restartLog(database, checkpoints, timeoutMs);
  } catch (error) {
    if (error instanceof FailedSync) failed = error;
  }
}

/**
 * Calls that are under way at once may take effect in any order. Inserts come last: what claims have taken by then no
 * longer waits, so that inserts may carry claims themselves, which saves writing the job once more.
 */
function runInOrder(writes: Writes, operations: readonly WriteOperation[]): GroupAnswer {
  const answers: Answer[] = [];
  for (const inserts of [false, true]) {
    for (const [index, operation] of operations.entries()) {
      if ((operation.kind === "insert") === inserts) answers[index] = answer.success(writes.run(operation));
    }
  }
  return answers;
}

/**
 * What is written to a file that lost its name is gone when the last process closes it, so that must not be acknowledged.
 * Looked at with every renewal of a lease, a few times a lease.
 *
 * @param inode that of the file when it was opened
 */
function checkFile(path: string, inode: bigint): void {
  if (failed !== undefined) return;
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
  if (found !== inode)
    failed = new Error(`${path} was ${found === undefined ? "removed" : "replaced"} while it was open`);
}

const { path } = workerData as { path: string };

openInThread(parentPort!, path, writeCodec, () => {
  repairFailedSync(path);
  const database = openConnection(path);
  migrate(database);
  refuseDamaged(database, path);
  // SQLite takes up what it finds in the WAL of processes that died, also a commit that never got to the disk, or whose
  // fsync failed. Once that is in the database file, nothing stands before the commits that are acknowledged from now on.
  // While another program reads from the WAL that cannot be; then only a commit whose fsync failed is left to chance.
  const checkpoints = new Checkpoints(path);
  restartLog(database, checkpoints, firstRestartTimeoutMs);
  const writes = new Writes(database);
  const transaction = { begin: database.prepare("BEGIN IMMEDIATE"), commit: database.prepare("COMMIT") };
  database.exec("PRAGMA busy_timeout = 0");
  const inode = statSync(path, { bigint: true }).ino;
  return {
    run(group: Group<WriteOperation>): GroupAnswer {
      if (group.restartLogMs !== undefined) tryRestartLog(database, checkpoints, group.restartLogMs);
      if (group.operations.some(({ kind }) => kind === "renew")) checkFile(path, inode);
      return runGroup(database, transaction, writes, group.operations);
    },
    close() {
      database.close();
      checkpoints.close();
    },
  };
});
