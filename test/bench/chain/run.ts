// The bare chain, as a subject: processes, two by default, on one SQLite file, on one port by SO_REUSEPORT.
import { DatabaseSync } from "node:sqlite";
import { startChild, type Child } from "../child.ts";
import type { Subject, SubjectOptions } from "../measure.ts";
import type { ChainOptions, ChainReady, ChainRecorded } from "./process.ts";

const connectionsAProcess = 64;
const stallMs = 10_000;
const pollMs = 1;

export async function openChain({
  store,
  targetOrigin,
  env,
  workers: processes,
}: SubjectOptions): Promise<Subject> {
  const children: Child[] = [];
  let port = 0;
  for (let index = 0; index < processes; index += 1) {
    const options: ChainOptions = {
      store,
      port,
      targetOrigin,
      index,
      processes,
      connections: connectionsAProcess,
    };
    const { child, ready } = await startChild<ChainReady>(
      new URL("process.ts", import.meta.url),
      options,
      env,
    );
    children.push(child);
    port = ready.port;
  }
  let expected = 0;
  return {
    address: `127.0.0.1:${port}`,
    processes: children.map(({ pid }, index) => ({ name: `process ${index}`, pid, isWorker: true })),
    async awaitRecorded(names) {
      expected += names.length;
      const deadlineMs = Date.now() + stallMs;
      while ((await countRecorded(children)) < expected && Date.now() < deadlineMs) {
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    },
    // The file is the witness, not the processes that wrote it.
    countLost: async (names) => countUnfinished(store, names),
    end: async () => {
      for (const child of children) await child.end();
    },
  };
}

async function countRecorded(children: readonly Child[]): Promise<number> {
  const answers = await Promise.all(children.map((child) => child.ask<ChainRecorded>({})));
  return answers.reduce((sum, answer) => sum + answer.recorded, 0);
}

function countUnfinished(store: string, names: readonly string[]): number {
  const database = new DatabaseSync(store, { readOnly: true });
  try {
    const read = database.prepare("SELECT 1 FROM jobs WHERE id = ? AND state = 5");
    return names.filter((name) => read.get(Number(name.slice("jobs/".length))) === undefined).length;
  } finally {
    database.close();
  }
}
