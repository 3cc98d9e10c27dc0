/** A store whose pages were overwritten, and the way out that the documentation shows. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { openSqliteStore } from "../../server/src/store/sqlite/store.ts";
import { newJob } from "../support/new-job.ts";
import {
  launcher,
  makeFolder,
  repository,
  serveArguments,
  startProgram,
  startRelay,
} from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

const pageBytes = 4096;

/** Writes nonsense over a page. */
function overwrite(path: string, page: number): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(pageBytes, 0xa5), 0, pageBytes, (page - 1) * pageBytes);
  closeSync(file);
}

/** A page of the table that holds rows, in the middle of it. */
function leafOf(path: string, table: string): number {
  const database = new DatabaseSync(path);
  const sql = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 3";
  const page = database.prepare(sql).get(table)?.["pageno"];
  database.close();
  return page as number;
}

function folder(): string {
  const dir = makeFolder();
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The shell commands that stand under a heading of the documentation. */
function documentedCommands(): string {
  const text = readFileSync(join(repository, "server/README.md"), "utf8");
  return /### A damaged store[^]*?```sh\n([^]*?)```/.exec(text)![1]!;
}

const hasSqlite = spawnSync("sqlite3", ["-version"]).status === 0;
if (!hasSqlite)
  process.stdout.write("skipped: the way out of a damaged store: there is no sqlite3 on the PATH\n");

describe("a damaged store", () => {
  test("is refused, by a start and by a reload of what met it, and left as it is", async () => {
    const dir = folder();
    const path = join(dir, "fieldpost.db");
    // Too large to be looked through at each start.
    const store = await openSqliteStore({ path, maxDepth: 1000 });
    const body = Buffer.alloc(200_000, 1);
    const jobs = Array.from({ length: 150 }, (_, index) =>
      newJob({ id: `job-${index}`, request: { ...newJob().request, body } }),
    );
    await store.insert(0, jobs, 1, { claimUpTo: 0, each: true });
    await store.close();
    overwrite(path, leafOf(path, "spec"));
    const failures: string[] = [];
    const opened = await openSqliteStore({
      path,
      maxDepth: 1000,
      onFailed: ({ message }) => failures.push(message),
    });
    const reads = await Promise.allSettled(jobs.map(({ id }) => opened.get(id, new Set(["spec"]))));
    expect(reads.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
    expect(failures.length).toBeGreaterThan(0);
    expect(existsSync(`${path}-damaged`)).toBe(true);
    await opened.close();
    await expect(openSqliteStore({ path, maxDepth: 1000 })).rejects.toThrow(
      /fieldpost\.db is damaged \(.+\); see/,
    );
    await using program = startProgram(launcher, serveArguments({ dir }));
    expect(await program.exited).toMatchObject({ code: 1 });
    await program.gone();
    expect(program.text()).toContain("is damaged (");
    expect(program.text()).toContain('see "A damaged store" in the README');
  });

  test.skipIf(!hasSqlite).each(["job", "spec"])(
    "is served again after what the documentation says, without what stood on a page of %s",
    async (table) => {
      const dir = folder();
      await using target = await startTarget();
      const count = 400;
      {
        await using relay = await startRelay({ dir });
        const later = new Date(Date.now() + 3_600_000);
        const requests = Array.from({ length: count }, (_, index) => ({
          job: { ...post(`${target.url}/${index}`), scheduleTime: later },
          jobId: `job-${index}`,
        }));
        await relay.client.batchEnqueue({ requests });
        expect(await relay.stop()).toBe(0);
      }
      overwrite(join(dir, "fieldpost.db"), leafOf(join(dir, "fieldpost.db"), table));
      {
        await using program = startProgram(launcher, serveArguments({ dir }));
        expect(await program.exited).toMatchObject({ code: 1 });
        await program.gone();
        expect(program.text()).toContain("is damaged (");
      }
      execFileSync("sh", ["-euc", documentedCommands()], { cwd: dir, stdio: "pipe" });
      await using relay = await startRelay({ dir });
      expect(existsSync(join(dir, "fieldpost.db-damaged"))).toBe(false);
      const left: string[] = [];
      for (let pageToken = ""; ;) {
        const page = await relay.client.listJobs({ pageSize: 1000, pageToken });
        left.push(...page.jobs.map(({ name }) => name));
        pageToken = page.nextPageToken;
        if (pageToken === "") break;
      }
      expect(left.length).toBeGreaterThan(count / 2);
      expect(left.length).toBeLessThan(count);
      const database = new DatabaseSync(relay.store, { readOnly: true });
      expect(database.prepare("SELECT depth FROM counter").get()!["depth"]).toBe(left.length);
      database.close();
      const { name } = await relay.client.enqueue({ job: post(`${target.url}/new`) });
      await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
      expect(await relay.stop()).toBe(0);
    },
  );
});
