import type {
  FinishedAttempt,
  InsertOptions,
  JobPart,
  ListQuery,
  MachineTime,
  RecoverOptions,
  Store,
  SweepOptions,
} from "../store.ts";
import { RelayError } from "../../job/error.ts";
import type { NewJob } from "../../job/job.ts";
import { hasFailedSync } from "./failed-sync.ts";
import { insertJobs } from "./insert-jobs.ts";
import type { ReadOperation, ReadResults } from "./reads.ts";
import { toClaimed, toFinishedRow } from "./rows.ts";
import { StoreThread } from "./thread.ts";
import { plainCodec } from "./thread-side.ts";
import { writeCodec } from "./writes/codec.ts";
import type { WriteOperation, WriteResults } from "./writes/operations.ts";

export interface SqliteStoreOptions {
  /** The file; made if it is missing. Beside it are `-wal`, `-shm` and `-lock`, and after a failed fsync `-failed`. */
  readonly path: string;
  /** How many jobs may be unfinished; more are refused. Read anew for each insert. */
  readonly maxDepth: number;
  /**
   * Called when the store takes no more changes: this process must end and start anew, with SIGKILL, since all else
   * closes what is open, which would write to it. Default: nothing is done. After an fsync that failed in a checkpoint,
   * of any process, `close` leaves the file open, and an exit becomes a SIGKILL.
   */
  readonly onFailed?: (error: RelayError) => void;
}

/** A checkpoint follows the first change after the last one, so much later. */
const checkpointEveryMs = 200;
/** Beyond so many pages (64 MiB) a passive checkpoint is not enough: writers that never rest keep the WAL growing. */
const walPageLimit = 16_384;
/**
 * Then the writer tries for so long to begin the WAL anew, while those who call it wait: while another process has a
 * checkpoint under way, or somebody reads, it is in vain, and the next checkpoint asks again. A WAL that has grown to
 * several times as much is worth a longer wait.
 */
const restartLogMs = 50;
const longRestartLogMs = 2000;
const muchTooLong = 4 * walPageLimit;

/** Inserts that wait for the disk may hold so much of the process's memory; then callers are told to come again. */
const maxWaitingBytes = 128 * 1024 * 1024;
/** About what a job takes beside its body. */
const jobBytes = 1024;

/** An insert of more jobs lets the others go first. */
const maxUsualJobs = 20;

/** Operations, and jobs of inserts, in one transaction: about a tenth of a second. */
const maxWriteWeight = 10_000;
/** Reads that are answered together. Each answer may be some MiB, and the event loop takes them over in one turn. */
const maxReads = 16;

const script = (name: string): URL =>
  new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/**
 * Opens the embedded store: one SQLite file that several processes may have open.
 *
 * @throws RelayError FAILED_PRECONDITION if the file is no store, or one of a newer release
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, onFailed = () => {} } = options;
  // To exit closes what the threads have open.
  const exitUnclosed = (): void => {
    if (hasFailedSync(path)) process.kill(process.pid, "SIGKILL");
  };
  process.once("exit", exitUnclosed);
  const workerData = { path };
  // Side by side: whichever comes first brings the file to the newest schema.
  const [writer, reader] = await Promise.allSettled([
    StoreThread.open<WriteOperation>({
      script: script("writer"),
      workerData,
      codec: writeCodec,
      name: "the store's writer",
      groupsUnderWay: 1,
      weigh: (operation) => (operation.kind === "insert" ? operation.jobs.length : 1),
      maxGroupWeight: maxWriteWeight,
      // Leases and outcomes do not wait behind a crowd of calls, nor these behind batches.
      rank: (operation) => {
        if (operation.kind === "sweep") return "bulky";
        if (operation.kind !== "insert") return "urgent";
        return operation.jobs.length > maxUsualJobs ? "bulky" : "usual";
      },
      onFailed,
    }),
    StoreThread.open<ReadOperation>({
      script: script("reader"),
      workerData,
      codec: plainCodec(),
      name: "the store's reader",
      groupsUnderWay: 2,
      weigh: () => 1,
      maxGroupWeight: maxReads,
      rank: (operation) => (operation.kind === "checkpoint" ? "urgent" : "usual"),
      onFailed,
    }),
  ]);
  if (writer.status === "fulfilled" && reader.status === "fulfilled") {
    return new SqliteStore(options, writer.value, reader.value, () => process.off("exit", exitUnclosed));
  }
  let reason: unknown;
  for (const thread of [writer, reader]) {
    if (thread.status === "fulfilled") await thread.value.close();
    else reason ??= thread.reason;
  }
  if (!hasFailedSync(path)) process.off("exit", exitUnclosed);
  throw reason;
}

class SqliteStore implements Store {
  readonly #writer: StoreThread<WriteOperation>;
  readonly #reader: StoreThread<ReadOperation>;
  readonly #options: SqliteStoreOptions;
  readonly #onClosed: () => void;
  #checkpoint: NodeJS.Timeout | undefined;
  #closing = false;
  #waitingBytes = 0;

  constructor(
    options: SqliteStoreOptions,
    writer: StoreThread<WriteOperation>,
    reader: StoreThread<ReadOperation>,
    onClosed: () => void,
  ) {
    this.#onClosed = onClosed;
    this.#writer = writer;
    this.#reader = reader;
    this.#options = options;
  }

  registerWorker(worker: { name: string; now: number; leaseMs: number }) {
    return this.#write({ kind: "register", name: worker.name, leaseTime: worker.now + worker.leaseMs });
  }

  renewLease(worker: number, now: number, leaseMs: number) {
    return this.#write({ kind: "renew", worker, leaseTime: now + leaseMs, askedTime: Date.now() });
  }

  releaseWorker(worker: number) {
    return this.#write({ kind: "release", worker });
  }

  recover({ now, lost, leasesEndedBy = now }: RecoverOptions) {
    return this.#write({ kind: "recover", now, lost, leasesEndedBy });
  }

  async insert(worker: number, jobs: readonly NewJob[], now: number, options: InsertOptions) {
    const bytes = jobs.reduce((sum, job) => sum + jobBytes + job.request.body.length, 0);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > maxWaitingBytes) {
      throw new RelayError(
        "RESOURCE_EXHAUSTED",
        "the disk does not keep up with what comes in; nothing was stored",
        {
          reason: "STORE_BEHIND",
          retryDelayMs: 1000,
        },
      );
    }
    this.#waitingBytes += bytes;
    try {
      const { maxDepth } = this.#options;
      return await insertJobs(
        (operation) => this.#write(operation),
        { worker, now, maxDepth, ...options },
        jobs,
      );
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  async claim(worker: number, limit: number, now: number) {
    const { rows, nextDueTime, dueLeft } = await this.#write({ kind: "claim", worker, limit, now });
    const jobs = rows.map((row) => toClaimed(row, now));
    return { jobs, nextDueTime: nextDueTime ?? undefined, dueLeft: dueLeft ?? undefined };
  }

  finish(worker: number, attempts: readonly FinishedAttempt[]) {
    return this.#write({ kind: "finish", worker, attempts: attempts.map(toFinishedRow) });
  }

  begin(worker: number, key: number, attempt: number) {
    return this.#write({ kind: "begin", worker, key, attempt });
  }

  cancel(id: string, now: number, revision?: number) {
    return this.#write({ kind: "cancel", id, now, revision });
  }

  retry(id: string, now: number, revision?: number) {
    return this.#write({ kind: "retry", id, now, revision, maxDepth: this.#options.maxDepth });
  }

  delete(id: string, now: number, revision?: number) {
    return this.#write({ kind: "delete", id, now, revision });
  }

  noteTime(time: MachineTime, leaseMs: number) {
    return this.#write({ kind: "note-time", ...time, leaseMs });
  }

  sweep(options: SweepOptions) {
    return this.#write({ kind: "sweep", ...options });
  }

  isSending(key: number) {
    return this.#read({ kind: "is-sending", key });
  }

  get(id: string, parts: ReadonlySet<JobPart>) {
    return this.#read({ kind: "get", id, parts });
  }

  list(query: ListQuery) {
    return this.#read({ kind: "list", query });
  }

  depth() {
    return this.#read({ kind: "depth" });
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#checkpoint);
    await this.#writer.close();
    await this.#reader.close();
    if (hasFailedSync(this.#options.path)) {
      const message = "an fsync of the store failed in another process";
      this.#options.onFailed?.(new RelayError("UNAVAILABLE", message, { reason: "STORE_FAILED" }));
    } else this.#onClosed();
  }

  #write<O extends WriteOperation>(operation: O): Promise<WriteResults[O["kind"]]> {
    if (this.#checkpoint === undefined && !this.#closing) {
      this.#checkpoint = setTimeout(() => void this.#runCheckpoint(), checkpointEveryMs).unref();
    }
    return this.#writer.run(operation) as Promise<WriteResults[O["kind"]]>;
  }

  #read<O extends ReadOperation>(operation: O): Promise<ReadResults[O["kind"]]> {
    return this.#reader.run(operation) as Promise<ReadResults[O["kind"]]>;
  }

  async #runCheckpoint(): Promise<void> {
    try {
      const pages = await this.#read({ kind: "checkpoint" });
      if (pages > walPageLimit)
        this.#writer.restartLog(pages > muchTooLong ? longRestartLogMs : restartLogMs);
    } catch {
      // The next one does it; a store that failed says so to those who write.
    } finally {
      this.#checkpoint = undefined;
    }
  }
}
