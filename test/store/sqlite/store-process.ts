/** A process that does with a store what it is told, and answers each {@link Order} with a {@link Report}. */
import { DatabaseSync } from "node:sqlite";
import { RelayError } from "../../../server/src/job/error.ts";
import { openSqliteStore } from "../../../server/src/store/sqlite/store.ts";
import type { Store } from "../../../server/src/store/store.ts";
import { newJob } from "../../support/new-job.ts";

export type Order =
  /** Keeps all others from the file, and writes something that only the WAL holds. */
  | "lock"
  | "open"
  | { readonly insert: string }
  | "close"
  /** Without closing anything. */
  | "exit";

export type Report = "done" | { readonly refused: string };

const path = process.argv[2]!;
let store: Store | undefined;
let database: DatabaseSync | undefined;

async function follow(order: Order): Promise<void> {
  if (order === "lock") {
    database = new DatabaseSync(path);
    database.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA locking_mode = EXCLUSIVE");
    database.exec("UPDATE counter SET depth = depth + 1");
  } else if (order === "open") store = await openSqliteStore({ path, maxDepth: 1000 });
  else if (order === "close") {
    await store!.close();
  } else if (order === "exit") process.exit(0);
  else await store!.insert(0, [newJob({ id: order.insert })], 1, { claimUpTo: 0 });
}

process.on("message", (order: Order) => {
  follow(order).then(
    () => {
      process.send!("done" satisfies Report);
      if (order === "close") process.disconnect();
    },
    (error: unknown) => {
      const refused = error instanceof RelayError ? error.reason : String(error);
      process.send!({ refused } satisfies Report);
      if (order === "open") process.disconnect();
    },
  );
});
