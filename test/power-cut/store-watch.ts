/** Says from the record of a store's disk what SQLite is doing with its files. */
import type { DiskRecord } from "../support/disk/disk-log.ts";

const walHeaderBytes = 32;

export class StoreWatch {
  readonly #names = new Map<bigint, string>();
  #frameWrites = 0;
  /** Frame writes before the fsync of the database file that is under way. */
  #atSync = 0;
  #checkpointed = 0;
  /** Of all that wrote to the WAL. */
  readonly writers = new Set<number>();
  /** How often the WAL began at its start. */
  walStarts = 0;
  /** Checkpoints that brought the database file up to date; only these fsync it. */
  checkpoints = 0;
  /** Writes of checkpoints that no fsync has covered. */
  unsyncedPages = 0;
  acknowledgements = 0;
  #acknowledgedSincePage = 0;

  /** The database file holds all that is committed. */
  get isCheckpointed(): boolean {
    return this.#checkpointed === this.#frameWrites;
  }

  /** A checkpoint has begun to write to the database file, and has not ended. */
  get isCheckpointing(): boolean {
    return this.unsyncedPages > 0;
  }

  /** One has ended without bringing the database file up to date, so without fsync: commits came in between. */
  get isHalfCheckpointed(): boolean {
    return this.isCheckpointing && this.#acknowledgedSincePage > 5;
  }

  apply(record: DiskRecord): void {
    if (record.kind === "create") this.#names.set(record.inode, record.name);
    if (record.kind === "observation") {
      this.acknowledgements++;
      this.#acknowledgedSincePage++;
    }
    if (!("inode" in record)) return;
    const name = this.#names.get(record.inode);
    if (name?.endsWith("-wal") === true) {
      if (record.kind !== "write") return;
      this.writers.add(record.pid);
      if (record.offset === 0 && record.data.length === walHeaderBytes) this.walStarts++;
      else this.#frameWrites++;
    } else if (name?.endsWith(".db") === true) {
      if (record.kind === "write") {
        this.unsyncedPages++;
        this.#acknowledgedSincePage = 0;
      }
      if (record.kind === "sync-begin") this.#atSync = this.#frameWrites;
      if (record.kind === "sync-end" && record.result === "done") {
        this.unsyncedPages = 0;
        this.checkpoints++;
        this.#checkpointed = this.#atSync;
      }
    }
  }
}
