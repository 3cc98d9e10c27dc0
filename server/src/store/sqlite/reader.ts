/** The thread that reads and checkpoints, so that neither a long list nor an fsync of the database file holds the event loop. */
import { parentPort, workerData } from "node:worker_threads";
import { openConnection } from "./connection.ts";
import { isDamage, markDamaged } from "./damage.ts";
import { Checkpoints, FailedSync, repairFailedSync } from "./failed-sync.ts";
import { migrate } from "./migrations.ts";
import { Reads } from "./reads.ts";
import type { ReadOperation } from "./reads.ts";
import { answer, openInThread, plainCodec } from "./thread-side.ts";
import type { Group, GroupAnswer } from "./thread-side.ts";

const { path } = workerData as { path: string };

openInThread(parentPort!, path, plainCodec<ReadOperation>(), () => {
  repairFailedSync(path);
  const database = openConnection(path);
  migrate(database);
  database.exec("PRAGMA busy_timeout = 5000");
  const checkpoints = new Checkpoints(path);
  const reads = new Reads(database, checkpoints);
  return {
    run(group: Group<ReadOperation>): GroupAnswer {
      return group.operations.map((operation) => {
        try {
          return answer.success(reads.run(operation));
        } catch (error) {
          if (isDamage(error)) markDamaged(path, error);
          const isFinal = error instanceof FailedSync || isDamage(error);
          return answer.failure(error, isFinal ? "failed" : "refused");
        }
      });
    },
    close() {
      database.close();
      checkpoints.close();
    },
  };
});
