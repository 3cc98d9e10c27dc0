import { Worker } from "node:worker_threads";
import { RelayError } from "../../job/error.ts";
import { SQLITE_BUSY, SQLITE_FULL } from "./connection.ts";
import type { Codec, GroupAnswer, ThreadFailure, ThreadMessage } from "./thread-side.ts";

export type Rank = "urgent" | "usual" | "bulky";

interface Waiting<Operation> {
  readonly operation: Operation;
  readonly resolve: (value: never) => void;
  readonly reject: (error: RelayError) => void;
}

export interface ThreadOptions<Operation> {
  readonly script: URL;
  readonly workerData: unknown;
  readonly codec: Codec<Operation>;
  /** What the thread is for, for messages: `the store's writer`. */
  readonly name: string;
  /**
   * How many groups may be under way. With 2 the thread finds the next group waiting when it has answered one, while
   * calls that come later still share the group after it.
   */
  readonly groupsUnderWay: number;
  /** How much of a group's time and memory an operation takes. */
  readonly weigh: (operation: Operation) => number;
  /** A group ends before it weighs more, but holds at least one operation. */
  readonly maxGroupWeight: number;
  /** An urgent one goes before all that are not; of those that are bulky a group has one, behind the others. */
  readonly rank: (operation: Operation) => Rank;
  /** The store takes no more changes, or the thread is gone: this process can no longer serve. */
  readonly onFailed: (error: RelayError) => void;
}

/**
 * How long one turn of the event loop may hand out answers, in milliseconds. Messages that arrive meanwhile belong to
 * the same turn, so that a thread as fast as the answers are used would hold the loop up until the queue is empty.
 */
const maxTurnMs = 20;

/**
 * The event loop's end of a store thread. Operations that are given while the thread is busy go to it together, as
 * one group.
 */
export class StoreThread<Operation> {
  readonly #worker: Worker;
  readonly #options: ThreadOptions<Operation>;
  readonly #waiting: { readonly [rank in Rank]: Waiting<Operation>[] } = { urgent: [], usual: [], bulky: [] };
  readonly #underWay: Waiting<Operation>[][] = [];
  #flushing = false;
  /** When this turn's first answers came. */
  #turnSince: number | undefined;
  #restartLogMs: number | undefined;
  #opened = false;
  #closed = false;
  readonly #exited: Promise<void>;
  /** The thread goes on, with the file open, after it was told to close. */
  readonly #left: Promise<void>;

  private constructor(worker: Worker, options: ThreadOptions<Operation>) {
    this.#worker = worker;
    this.#options = options;
    this.#exited = new Promise((resolve) => {
      worker.once("exit", (code) => {
        this.#fail(`ended with ${code}`);
        resolve();
      });
    });
    worker.on("error", (error) => this.#fail(`failed: ${error.message}`));
    this.#left = new Promise((resolve) => {
      worker.on("message", (message: ThreadMessage) => {
        if ("answers" in message) this.#settle(options.codec.unpackAnswers(message.answers));
        if ("leftOpen" in message) resolve();
      });
    });
  }

  /** @throws RelayError FAILED_PRECONDITION if the file cannot be used */
  static async open<Operation>(options: ThreadOptions<Operation>): Promise<StoreThread<Operation>> {
    const worker = new Worker(options.script, { workerData: options.workerData, name: options.name });
    const thread = new StoreThread<Operation>(worker, options);
    await new Promise<void>((resolve, reject) => {
      worker.once("error", reject);
      worker.once("exit", (code) =>
        reject(new Error(`${options.name} ended with ${code} before it was open`)),
      );
      worker.once("message", (message: ThreadMessage) => {
        if ("openError" in message) {
          const { message: why, kind } = message.openError;
          const error = new RelayError("FAILED_PRECONDITION", `the store cannot be opened: ${why}`, {
            reason: "STORE_UNUSABLE",
          });
          if (kind === "failed") {
            worker.unref();
            options.onFailed(error);
          }
          reject(error);
        } else resolve();
      });
    });
    thread.#opened = true;
    return thread;
  }

  run(operation: Operation): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#unavailable("is closed", "STORE_CLOSED"));
    return new Promise((resolve, reject) => {
      this.#waiting[this.#options.rank(operation)].push({ operation, resolve, reject });
      this.#schedule();
    });
  }

  /** Lets the writer try for so long to bring the WAL back to its start before its next group. */
  restartLog(timeoutMs: number): void {
    this.#restartLogMs = timeoutMs;
  }

  /** Waits for the operations under way, then ends the thread; or leaves it as it is, if closing may lose something. */
  async close(): Promise<void> {
    if (!this.#closed) {
      while (Object.values(this.#waiting).some(({ length }) => length > 0))
        this.#flush(Number.POSITIVE_INFINITY);
      this.#closed = true;
      this.#worker.postMessage(null);
    }
    await Promise.race([this.#exited, this.#left]);
    this.#worker.unref();
  }

  /** Later in this turn of the event loop, so that all calls of one turn share a group. */
  #schedule(): void {
    if (this.#flushing || this.#underWay.length >= this.#options.groupsUnderWay) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush(this.#options.groupsUnderWay);
    });
  }

  #flush(groupsUnderWay: number): void {
    if (this.#closed || this.#underWay.length >= groupsUnderWay) return;
    const group = this.#nextGroup();
    if (group.length === 0) return;
    this.#underWay.push(group);
    const { codec } = this.#options;
    const operations = group.map((waiting) => waiting.operation);
    const message = codec.packGroup({ operations, restartLogMs: this.#restartLogMs });
    this.#restartLogMs = undefined;
    this.#worker.postMessage(message, codec.transfersOf(message));
  }

  #nextGroup(): Waiting<Operation>[] {
    const { weigh, maxGroupWeight } = this.#options;
    const group: Waiting<Operation>[] = [];
    let weight = 0;
    for (const queue of [this.#waiting.urgent, this.#waiting.usual]) {
      let count = 0;
      for (const { operation } of queue) {
        weight += weigh(operation);
        if (weight > maxGroupWeight && group.length + count > 0) break;
        count++;
      }
      group.push(...queue.splice(0, count));
      if (queue.length > 0) break;
    }
    group.push(...this.#waiting.bulky.splice(0, 1));
    return group;
  }

  #settle(answers: GroupAnswer): void {
    const group = this.#underWay.shift() ?? [];
    // The thread has its next group before anyone hears of this one, unless other work has waited long enough.
    if (this.#turnIsLong()) this.#schedule();
    else this.#flush(this.#options.groupsUnderWay);
    for (const [index, waiting] of group.entries()) {
      const answer = answers[index];
      if (answer === undefined) waiting.reject(this.#unavailable("gave no answer", "STORE_FAILED"));
      else if ("failure" in answer) waiting.reject(this.#toError(answer.failure));
      else waiting.resolve(answer.value as never);
    }
  }

  #turnIsLong(): boolean {
    const now = performance.now();
    if (this.#turnSince === undefined) {
      this.#turnSince = now;
      setImmediate(() => (this.#turnSince = undefined));
    }
    return now - this.#turnSince > maxTurnMs;
  }

  #toError(failure: ThreadFailure): RelayError {
    const cause = new Error(failure.message);
    if (failure.kind === "failed") {
      const message = "the store failed and takes no more changes until it is restarted";
      const error = new RelayError("UNAVAILABLE", message, { reason: "STORE_FAILED", cause });
      this.#options.onFailed(error);
      return error;
    }
    if (failure.code === SQLITE_FULL) {
      return new RelayError("RESOURCE_EXHAUSTED", "the disk of the store is full; nothing was stored", {
        reason: "STORE_DISK_FULL",
        retryDelayMs: 5000,
        cause,
      });
    }
    return new RelayError("UNAVAILABLE", `the store refused: ${failure.message}; nothing was changed`, {
      reason: failure.code === SQLITE_BUSY ? "STORE_BUSY" : "STORE_ERROR",
      retryDelayMs: 1000,
      cause,
    });
  }

  #unavailable(what: string, reason: string): RelayError {
    return new RelayError("UNAVAILABLE", `${this.#options.name} ${what}`, { reason });
  }

  #fail(what: string): void {
    const unexpected = this.#opened && !this.#closed;
    this.#closed = true;
    const error = this.#unavailable(what, "STORE_FAILED");
    const queued = Object.values(this.#waiting).flatMap((queue) => queue.splice(0));
    const open = [...this.#underWay.splice(0).flat(), ...queued];
    for (const waiting of open) waiting.reject(error);
    if (unexpected) this.#options.onFailed(error);
  }
}
