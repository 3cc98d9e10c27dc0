/** Opens what a power cut left with the store's own code, and compares it with what clients had seen. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { JobRecord } from "../../server/src/job/job.ts";
import { openSqliteStore } from "../../server/src/store/sqlite/store.ts";
import type { Store } from "../../server/src/store/store.ts";
import { isWhole, siblingsOf } from "./jobs.ts";
import type { Observation } from "./load.ts";

/** All that clients have seen up to a moment. */
export class Seen {
  readonly acknowledged = new Set<string>();
  readonly ended = new Map<string, JobState>();

  add(text: string): void {
    const observation = JSON.parse(text) as Observation;
    if ("acknowledged" in observation) for (const id of observation.acknowledged) this.acknowledged.add(id);
    else for (const [id, state] of observation.ended) this.ended.set(id, state);
  }
}

/** @returns what is wrong, a sentence each; nothing if all promises were kept */
export async function findProblems(files: ReadonlyMap<string, Buffer>, seen: Seen): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-cut-"));
  try {
    for (const [name, content] of files) writeFileSync(join(folder, name), content);
    const path = join(folder, "fieldpost.db");
    const problems: string[] = [];
    const store = await openSqliteStore({ path, maxDepth: 1_000_000 });
    try {
      problems.push(...compare(await readAll(store), await store.depth(), seen));
    } finally {
      await store.close();
    }
    return [...problems, ...checkIntegrity(path)];
  } catch (error) {
    return [`it cannot be used: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function readAll(store: Store): Promise<Map<string, JobRecord>> {
  const jobs = new Map<string, JobRecord>();
  let beforeKey: number | undefined;
  do {
    const parts = new Set(["spec", "body"] as const);
    const page = await store.list({
      limit: 1000,
      maxBytes: 16 * 1024 * 1024,
      beforeKey,
      parts,
      filter: undefined,
    });
    for (const job of page.jobs) jobs.set(job.id, job);
    beforeKey = page.nextBeforeKey;
  } while (beforeKey !== undefined);
  return jobs;
}

function compare(jobs: ReadonlyMap<string, JobRecord>, depth: number, seen: Seen): string[] {
  const problems: string[] = [];
  const say = (ids: readonly string[], what: string): void => {
    if (ids.length > 0) problems.push(`${ids.length} ${what}: ${ids.slice(0, 3).join(", ")}`);
  };
  const all = [...jobs.values()];
  say(
    [...seen.acknowledged].filter((id) => !jobs.has(id)),
    "acknowledged jobs are lost",
  );
  say(
    all.filter((job) => !isWhole(job)).map(({ id }) => id),
    "jobs are not as they were sent",
  );
  say(
    [...jobs.keys()].filter((id) => siblingsOf(id)?.some((sibling) => !jobs.has(sibling)) === true),
    "jobs of a batch are stored without the others",
  );
  say(
    [...seen.ended]
      .filter(([id, state]) => JobState[`JOB_STATE_${jobs.get(id)?.state ?? "UNSPECIFIED"}`] !== state)
      .map(([id]) => id),
    "jobs that had ended have not",
  );
  const open = all.filter(({ finishTime }) => finishTime === undefined).length;
  if (open !== depth) problems.push(`${open} jobs are open, and the counter says ${depth}`);
  return problems;
}

function checkIntegrity(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const [found] = Object.values(database.prepare("PRAGMA integrity_check").get() ?? {});
    return found === "ok" ? [] : [`integrity_check: ${String(found)}`];
  } finally {
    database.close();
  }
}
