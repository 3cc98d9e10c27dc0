/**
 * A store in memory that fulfils the contract and no more. Each call waits some random turns, calls that are under way
 * at the same time commit in a random order and are answered in another one, all of it the same for the same seed. So
 * no caller learns to lean on SQLite's order.
 */
import { RelayError } from "../../server/src/job/error.ts";
import type { JobRecord, NewJob } from "../../server/src/job/job.ts";
import type {
  CancelResult,
  ClaimResult,
  DeleteResult,
  FinishedAttempt,
  FinishResult,
  InsertOptions,
  InsertResult,
  JobPage,
  JobPart,
  ListQuery,
  MachineTime,
  RecoverOptions,
  RecoverResult,
  RetryResult,
  Store,
  SweepOptions,
  SweepResult,
} from "../../server/src/store/store.ts";
import { MemoryTables } from "./memory-tables.ts";
import { seededRandom, Turns } from "./turns.ts";

export interface MemoryStoreOptions {
  readonly maxDepth: number;
  readonly seed: number;
  /** What another store has written; several may be open on the same one. New and empty if left out. */
  readonly disk?: MemoryDisk;
  /** How many writes of a hundred answer "unknown" (UNAVAILABLE), half of them although they took effect. Default 0. */
  readonly unknownPercent?: number;
}

/** What outlives a store that is closed. */
export interface MemoryDisk {
  readonly tables: MemoryTables;
}

export function createMemoryDisk(seed: number): MemoryDisk {
  return { tables: new MemoryTables(seededRandom(seed)) };
}

export function openMemoryStore(options: MemoryStoreOptions): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly #tables: MemoryTables;
  readonly #random: () => number;
  readonly #turns: Turns;
  readonly #maxDepth: number;
  readonly #unknownPercent: number;
  #closed = false;

  constructor({ maxDepth, seed, disk, unknownPercent }: MemoryStoreOptions) {
    this.#tables = (disk ?? createMemoryDisk(seed)).tables;
    this.#random = seededRandom(seed ^ 0x5eed);
    this.#turns = new Turns(this.#random);
    this.#maxDepth = maxDepth;
    this.#unknownPercent = unknownPercent ?? 0;
  }

  registerWorker({ name, now, leaseMs }: { name: string; now: number; leaseMs: number }): Promise<number> {
    return this.#write(() => this.#tables.registerWorker(name, now + leaseMs));
  }

  renewLease(worker: number, now: number, leaseMs: number): Promise<boolean> {
    return this.#write(() => this.#tables.renewLease(worker, now + leaseMs));
  }

  releaseWorker(worker: number): Promise<void> {
    return this.#write(() => this.#tables.releaseWorker(worker));
  }

  recover({ now, lost, leasesEndedBy = now }: RecoverOptions): Promise<RecoverResult> {
    const names = [...lost];
    return this.#write(() => this.#tables.recover(now, names, leasesEndedBy));
  }

  insert(
    worker: number,
    jobs: readonly NewJob[],
    now: number,
    { claimUpTo, each = false }: InsertOptions,
  ): Promise<readonly InsertResult[]> {
    const copies = structuredClone(jobs);
    return this.#write(() =>
      each
        ? this.#tables.insertEach(worker, copies, now, claimUpTo, this.#maxDepth)
        : this.#tables.insert(worker, copies, now, claimUpTo, this.#maxDepth),
    );
  }

  claim(worker: number, limit: number, now: number): Promise<ClaimResult> {
    return this.#write(() => this.#tables.claim(worker, limit, now));
  }

  finish(worker: number, attempts: readonly FinishedAttempt[]): Promise<readonly FinishResult[]> {
    const copies = structuredClone(attempts);
    return this.#write(() => this.#tables.finish(worker, copies));
  }

  begin(worker: number, key: number, attempt: number): Promise<FinishResult> {
    return this.#write(() => this.#tables.begin(worker, key, attempt));
  }

  cancel(id: string, now: number, revision?: number): Promise<CancelResult> {
    return this.#write(() => this.#tables.cancel(id, now, revision));
  }

  retry(id: string, now: number, revision?: number): Promise<RetryResult> {
    return this.#write(() => this.#tables.retry(id, now, revision, this.#maxDepth));
  }

  delete(id: string, now: number, revision?: number): Promise<DeleteResult> {
    return this.#write(() => this.#tables.delete(id, now, revision));
  }

  noteTime(time: MachineTime, leaseMs: number): Promise<number> {
    return this.#write(() => this.#tables.noteTime(time, leaseMs));
  }

  sweep(options: SweepOptions): Promise<SweepResult> {
    return this.#write(() => this.#tables.sweep(options));
  }

  isSending(key: number): Promise<boolean> {
    return this.#read(() => this.#tables.isSending(key));
  }

  get(id: string, parts: ReadonlySet<JobPart>): Promise<JobRecord | undefined> {
    return this.#read(() => this.#tables.get(id, parts));
  }

  list(query: ListQuery): Promise<JobPage> {
    return this.#read(() => this.#tables.list(query));
  }

  depth(): Promise<number> {
    return this.#read(() => this.#tables.depth());
  }

  async close(): Promise<void> {
    this.#refuseWhenClosed();
    this.#closed = true;
    await this.#turns.idle();
  }

  #write<T>(work: () => T): Promise<T> {
    return this.#read(() => {
      if (this.#random() * 100 >= this.#unknownPercent) return work();
      if (this.#random() < 0.5) work();
      throw new RelayError("UNAVAILABLE", "the write may or may not have taken effect", {
        reason: "STORE_FAILED",
      });
    });
  }

  /** Answers with copies: a caller that changes what it got changes nothing here. */
  async #read<T>(work: () => T): Promise<T> {
    this.#refuseWhenClosed();
    return this.#turns.run(() => structuredClone(work()));
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new RelayError("UNAVAILABLE", "the store is closed", { reason: "STORE_CLOSED" });
  }
}
