/** In which states the jobs of a round were when it was killed, as the store's file has them. */
import { copyFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { jobStates } from "../../server/src/job/state.ts";
import type { JobState } from "../../server/src/job/state.ts";
import type { KillKind } from "./journal.ts";

export type StateCounts = Readonly<Partial<Record<JobState, number>>>;

export function countStates(store: string, victim: KillKind, round: number): StateCounts {
  // Of what nobody has open any more a copy is read: nobody but the next relay is to see to its WAL.
  const path = victim === "group" ? copyOf(store) : store;
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
  try {
    const rows = database
      .prepare("SELECT state, count(*) AS count FROM job WHERE id GLOB ? GROUP BY state")
      .all(`r${round}-*`);
    return Object.fromEntries(rows.map(({ state, count }) => [jobStates[Number(state)]!, Number(count)]));
  } finally {
    database.close();
  }
}

function copyOf(store: string): string {
  const copy = join(dirname(store), "copy.db");
  for (const suffix of ["", "-wal"]) {
    if (existsSync(`${store}${suffix}`)) copyFileSync(`${store}${suffix}`, `${copy}${suffix}`);
  }
  return copy;
}
