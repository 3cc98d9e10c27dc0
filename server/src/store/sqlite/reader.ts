/** The thread that reads and checkpoints, so that neither a long list nor an fsync of the database file holds the event loop. */
import { parentPort, workerData } from "node:worker_threads";
import { openConnection } from "./connection.ts";
import { checkpointOnce, FailedSync, repairFailedSync } from "./failed-sync.ts";
import { migrate } from "./migrations.ts";
import { Reads } from "./reads.ts";
import type { ReadOperation } from "./reads.ts";
import { answer, openInThread, plainCodec } from "./thread-side.ts";
import type { Group, GroupAnswer } from "./thread-side.ts";

openInThread(parentPort!, plainCodec<ReadOperation>(), () => {
  const { path } = workerData as { path: string };
  repairFailedSync(path);
  const database = openConnection(path);
  migrate(database);
  database.exec("PRAGMA busy_timeout = 5000");
  const reads = new Reads(database);
  return {
    run(group: Group<ReadOperation>): GroupAnswer {
      return group.operations.map((operation) => {
        try {
          const read = () => reads.run(operation);
          return answer.success(operation.kind === "checkpoint" ? checkpointOnce(path, read) : read());
        } catch (error) {
          return answer.failure(error, error instanceof FailedSync ? "failed" : "refused");
        }
      });
    },
    close: () => database.close(),
  };
});
