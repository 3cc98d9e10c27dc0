import { Worker } from "node:worker_threads";
import { RelayError } from "../../job/error.ts";
import { SQLITE_BUSY, SQLITE_FULL } from "./connection.ts";
import type { Group, GroupAnswer, ThreadFailure, ThreadMessage } from "./thread-side.ts";

interface Waiting<Operation> {
  readonly operation: Operation;
  readonly resolve: (value: never) => void;
  readonly reject: (error: RelayError) => void;
}

export interface ThreadOptions {
  readonly script: URL;
  readonly workerData: unknown;
  /** What the thread is for, for messages: `the store's writer`. */
  readonly name: string;
  /**
   * How many groups may be under way. With 2 the thread finds the next group waiting when it has answered one, while
   * calls that come later still share the group after it.
   */
  readonly groupsUnderWay: number;
}

/**
 * The event loop's end of a store thread. Operations that are given while the thread is busy go to it together, as
 * one group.
 */
export class StoreThread<Operation> {
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  #waiting: Waiting<Operation>[] = [];
  readonly #underWay: Waiting<Operation>[][] = [];
  #flushing = false;
  #restartLog = false;
  #closed = false;
  readonly #exited: Promise<void>;

  private constructor(worker: Worker, options: ThreadOptions) {
    this.#worker = worker;
    this.#options = options;
    this.#exited = new Promise((resolve) => {
      worker.once("exit", () => {
        this.#fail("ended");
        resolve();
      });
    });
    worker.on("error", (error) => this.#fail(`failed: ${error.message}`));
    worker.on("message", (message: ThreadMessage) => {
      if ("answers" in message) this.#settle(message.answers);
    });
  }

  /** @throws RelayError FAILED_PRECONDITION if the file cannot be used */
  static async open<Operation>(options: ThreadOptions): Promise<StoreThread<Operation>> {
    const worker = new Worker(options.script, { workerData: options.workerData, name: options.name });
    const thread = new StoreThread<Operation>(worker, options);
    await new Promise<void>((resolve, reject) => {
      worker.once("error", reject);
      worker.once("message", (message: ThreadMessage) => {
        if ("openError" in message) {
          const { message: why } = message.openError;
          reject(
            new RelayError("FAILED_PRECONDITION", `the store cannot be opened: ${why}`, {
              reason: "STORE_UNUSABLE",
            }),
          );
        } else resolve();
      });
    });
    return thread;
  }

  /** How many operations have no answer yet. */
  get pending(): number {
    return this.#underWay.reduce((sum, group) => sum + group.length, this.#waiting.length);
  }

  run(operation: Operation): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#unavailable("is closed", "STORE_CLOSED"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, resolve, reject });
      this.#schedule();
    });
  }

  /** Lets the writer bring the WAL back to its start before its next group. */
  restartLog(): void {
    this.#restartLog = true;
  }

  /** Waits for the operations under way, then ends the thread. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#flush(Number.POSITIVE_INFINITY);
      this.#closed = true;
      this.#worker.postMessage(null);
    }
    await this.#exited;
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
    if (this.#closed || this.#waiting.length === 0 || this.#underWay.length >= groupsUnderWay) return;
    const group = this.#waiting;
    this.#waiting = [];
    this.#underWay.push(group);
    const message: Group<Operation> = {
      operations: group.map((waiting) => waiting.operation),
      restartLog: this.#restartLog,
    };
    this.#restartLog = false;
    this.#worker.postMessage(message);
  }

  #settle(answers: GroupAnswer): void {
    const group = this.#underWay.shift() ?? [];
    // The thread has its next group before anyone hears of this one.
    this.#flush(this.#options.groupsUnderWay);
    for (const [index, waiting] of group.entries()) {
      const answer = answers[index];
      if (answer === undefined) waiting.reject(this.#unavailable("gave no answer", "STORE_FAILED"));
      else if ("failure" in answer) waiting.reject(this.#toError(answer.failure));
      else waiting.resolve(answer.value as never);
    }
  }

  #toError(failure: ThreadFailure): RelayError {
    const cause = new Error(failure.message);
    if (failure.kind === "failed") {
      return new RelayError(
        "UNAVAILABLE",
        "the store failed and takes no more changes until it is restarted",
        {
          reason: "STORE_FAILED",
          cause,
        },
      );
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
    this.#closed = true;
    const open = [...this.#underWay.splice(0).flat(), ...this.#waiting.splice(0)];
    for (const waiting of open) waiting.reject(this.#unavailable(what, "STORE_FAILED"));
  }
}
