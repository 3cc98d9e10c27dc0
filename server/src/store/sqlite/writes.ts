/** Every change of the store, each a function that runs inside the transaction of its group. */
import type { DatabaseSync } from "node:sqlite";
import type { WriteOperation, WriteResults } from "./writes/operations.ts";
import { begin, claim } from "./writes/claim.ts";
import { noteTime } from "./writes/clock.ts";
import { cancel, deleteJob, retry } from "./writes/end.ts";
import { finish } from "./writes/finish.ts";
import { insert } from "./writes/insert.ts";
import { recover, register, release, renew } from "./writes/lease.ts";
import { discardStage, openStage, publishStage } from "./writes/stage.ts";
import { sweep } from "./writes/sweep.ts";
import { Transaction } from "./writes/transaction.ts";

/** The changes of one connection. */
export class Writes {
  readonly #transaction: Transaction;

  constructor(database: DatabaseSync) {
    this.#transaction = new Transaction(database);
  }

  /** The first thing in a transaction. */
  begin(): void {
    this.#transaction.begin();
  }

  /** The last thing in a transaction. */
  end(): void {
    this.#transaction.end();
  }

  run(operation: WriteOperation): WriteResults[WriteOperation["kind"]] {
    const transaction = this.#transaction;
    switch (operation.kind) {
      case "insert":
        return insert(transaction, operation);
      case "open-stage":
        return openStage(transaction, operation);
      case "publish-stage":
        return publishStage(transaction, operation);
      case "discard-stage":
        return discardStage(transaction, operation.stage);
      case "finish":
        return operation.attempts.map((attempt) => finish(transaction, operation.worker, attempt));
      case "claim":
        return claim(transaction, operation);
      case "begin":
        return begin(transaction, operation);
      case "cancel":
        return cancel(transaction, operation);
      case "retry":
        return retry(transaction, operation);
      case "delete":
        return deleteJob(transaction, operation);
      case "note-time":
        return noteTime(transaction, operation);
      case "sweep":
        return sweep(transaction, operation);
      case "register":
        return register(transaction, operation);
      case "renew":
        return renew(transaction, operation);
      case "release":
        return release(transaction, operation.worker);
      case "recover":
        return recover(transaction, operation);
      default:
        return operation satisfies never;
    }
  }
}
