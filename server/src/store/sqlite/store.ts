import type { FinishedAttempt, InsertOptions, JobPart, ListQuery, Store } from "../store.ts";
import type { NewJob } from "../../job/job.ts";
import type { ReadOperation, ReadResults } from "./reads.ts";
import { toRow } from "./rows.ts";
import { StoreThread } from "./thread.ts";
import type { WriteOperation, WriteResults } from "./writes.ts";

export interface SqliteStoreOptions {
  /** The file; made if it is missing. Beside it SQLite keeps `-wal` and `-shm`. */
  readonly path: string;
  /** How many jobs may be unfinished; more are refused. */
  readonly maxDepth: number;
}

/** A checkpoint follows the first change after the last one, so much later. */
const checkpointEveryMs = 200;
/** Beyond so many pages (64 MiB) a passive checkpoint is not enough: writers that never rest keep the WAL growing. */
const walPageLimit = 16_384;

const script = (name: string): URL =>
  new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/**
 * Opens the embedded store: one SQLite file that several processes may have open.
 *
 * @throws RelayError FAILED_PRECONDITION if the file is no store, or one of a newer release
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const workerData = { path: options.path, maxDepth: options.maxDepth };
  // Side by side: whichever comes first brings the file to the newest schema.
  const [writer, reader] = await Promise.allSettled([
    StoreThread.open<WriteOperation>({
      script: script("writer"),
      workerData,
      name: "the store's writer",
      groupsUnderWay: 1,
    }),
    StoreThread.open<ReadOperation>({
      script: script("reader"),
      workerData,
      name: "the store's reader",
      groupsUnderWay: 2,
    }),
  ]);
  if (writer.status === "fulfilled" && reader.status === "fulfilled") {
    return new SqliteStore(writer.value, reader.value);
  }
  let reason: unknown;
  for (const thread of [writer, reader]) {
    if (thread.status === "fulfilled") await thread.value.close();
    else reason ??= thread.reason;
  }
  throw reason;
}

class SqliteStore implements Store {
  readonly #writer: StoreThread<WriteOperation>;
  readonly #reader: StoreThread<ReadOperation>;
  #checkpoint: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(writer: StoreThread<WriteOperation>, reader: StoreThread<ReadOperation>) {
    this.#writer = writer;
    this.#reader = reader;
  }

  registerWorker(worker: { name: string; now: number; leaseMs: number }) {
    return this.#write({ kind: "register", name: worker.name, leaseTime: worker.now + worker.leaseMs });
  }

  renewLease(worker: number, now: number, leaseMs: number) {
    return this.#write({ kind: "renew", worker, leaseTime: now + leaseMs });
  }

  releaseWorker(worker: number) {
    return this.#write({ kind: "release", worker });
  }

  recover(options: { now: number; lost: readonly string[] }) {
    return this.#write({ kind: "recover", ...options });
  }

  insert(worker: number, jobs: readonly NewJob[], now: number, options: InsertOptions) {
    return this.#write({ kind: "insert", worker, now, claimUpTo: options.claimUpTo, jobs: jobs.map(toRow) });
  }

  claim(worker: number, limit: number, now: number) {
    return this.#write({ kind: "claim", worker, limit, now });
  }

  finish(worker: number, attempts: readonly FinishedAttempt[]) {
    return this.#write({ kind: "finish", worker, attempts });
  }

  cancel(id: string, now: number) {
    return this.#write({ kind: "cancel", id, now });
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
      const { logPages } = await this.#read({ kind: "checkpoint" });
      if (logPages > walPageLimit) this.#writer.restartLog();
    } catch {
      // The next one does it; a store that failed says so to those who write.
    } finally {
      this.#checkpoint = undefined;
    }
  }
}
