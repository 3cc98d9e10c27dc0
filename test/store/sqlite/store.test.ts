/** What only the SQLite store promises: its files. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NewJob } from "../../../server/src/job/job.ts";
import { openConnection } from "../../../server/src/store/sqlite/connection.ts";
import { openSqliteStore } from "../../../server/src/store/sqlite/store.ts";
import type { Store } from "../../../server/src/store/store.ts";
import { newJob } from "../../support/new-job.ts";

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fieldpost-wal-"));
  path = join(directory, "fieldpost.db");
});

afterEach(() => rm(directory, { recursive: true }));

const bodyBytes = 128 * 1024;
const MiB = 1024 * 1024;

function job(id: string, changes: Partial<NewJob> = {}): NewJob {
  const request = { ...newJob().request, body: new Uint8Array(bodyBytes).fill(7) };
  return newJob({ id, createTime: 1, request, ...changes });
}

const noBody: Partial<NewJob> = {
  request: {
    method: "GET",
    url: "http://127.0.0.1/",
    headers: [],
    parameters: new Map(),
    body: new Uint8Array(0),
  },
};

/** Writes `count` jobs with large bodies, some at a time. @returns the largest size the WAL had */
async function write(store: Store, name: string, count: number): Promise<number> {
  let largest = 0;
  const lanes = Array.from({ length: 4 }, async (_, lane) => {
    for (let index = lane; index < count; index += 4) {
      await store.insert(0, [job(`${name}-${index}`)], 1, { claimUpTo: 0 });
      largest = Math.max(largest, (await stat(`${path}-wal`)).size);
    }
  });
  await Promise.all(lanes);
  return largest;
}

test("the WAL stays bounded while two processes write without rest and lists read all the time", async () => {
  const stores = await Promise.all([
    openSqliteStore({ path, maxDepth: 1e6 }),
    openSqliteStore({ path, maxDepth: 1e6 }),
  ]);
  let writing = true;
  const lists = stores.map(async (store) => {
    while (writing) {
      const parts = new Set(["spec", "body"] as const);
      await store.list({ limit: 1000, maxBytes: 3 * MiB, beforeKey: undefined, parts, filter: undefined });
    }
  });
  const count = 1600;
  const sizes = await Promise.all(stores.map((store, index) => write(store, `s${index}`, count)));
  writing = false;
  await Promise.all(lists);
  const written = stores.length * count * bodyBytes;
  expect(written).toBeGreaterThan(390 * MiB);
  expect(Math.max(...sizes)).toBeLessThan(written / 2.5);
  await Promise.all(stores.map((store) => store.close()));
});

test("every connection of the store writes to a WAL and fsyncs at each commit (synchronous is FULL, 2)", () => {
  const database = openConnection(path);
  expect(database.prepare("PRAGMA journal_mode").get()).toMatchObject({ journal_mode: "wal" });
  expect(database.prepare("PRAGMA synchronous").get()).toMatchObject({ synchronous: 2 });
  database.close();
});

test("a file of a newer release is refused and left as it is", async () => {
  await (await openSqliteStore({ path, maxDepth: 10 })).close();
  const database = new DatabaseSync(path);
  database.exec("PRAGMA user_version = 99");
  database.close();
  await expect(openSqliteStore({ path, maxDepth: 10 })).rejects.toThrow(
    "the store has schema version 99, this release knows up to 4",
  );
});

test("a database of another program is refused and left as it is", async () => {
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE theirs (x); PRAGMA user_version = 1");
  await expect(openSqliteStore({ path, maxDepth: 10 })).rejects.toThrow(
    "an SQLite database, but not a Fieldpost store",
  );
  const tables = database.prepare("SELECT name FROM sqlite_schema").all();
  expect(tables).toEqual([{ name: "theirs" }]);
  expect(database.prepare("PRAGMA journal_mode").get()).toMatchObject({ journal_mode: "delete" });
  database.close();
});

test("the claims that an insert carries go to the highest priorities of a batch", async () => {
  const store = await openSqliteStore({ path, maxDepth: 100 });
  const worker = await store.registerWorker({ name: "w", now: 1, leaseMs: 10_000 });
  const jobs = [0, 0, 9, 5].map((priority, index) => job(`j${index}`, { ...noBody, priority }));
  const results = await store.insert(worker, jobs, 1, { claimUpTo: 2 });
  expect(results.map((result) => result.kind === "stored" && result.claimed)).toEqual([
    false,
    false,
    true,
    true,
  ]);
  await store.close();
});

test("the greatest number of unfinished jobs is asked for anew with each insert", async () => {
  const options = { path, maxDepth: 2 };
  const store = await openSqliteStore(options);
  const insert = (...ids: string[]) =>
    store.insert(
      0,
      ids.map((id) => job(id, noBody)),
      1,
      { claimUpTo: 0 },
    );
  expect(await insert("a", "b", "c")).toEqual([{ kind: "full", depth: 0, limit: 2 }]);
  options.maxDepth = 3;
  expect(await insert("a", "b", "c")).toHaveLength(3);
  options.maxDepth = 1;
  expect(await insert("d")).toEqual([{ kind: "full", depth: 3, limit: 1 }]);
  await store.close();
});

test("a claim ends where the bodies of what it claimed take 8 MiB, and the next ones go on in order", async () => {
  const store = await openSqliteStore({ path, maxDepth: 1000 });
  const worker = await store.registerWorker({ name: "w", now: 1, leaseMs: 1e9 });
  const ids = Array.from({ length: 150 }, (_, index) => `job-${String(index).padStart(3, "0")}`);
  await store.insert(
    worker,
    ids.map((id) => job(id, { priority: 5 })),
    1,
    { claimUpTo: 0 },
  );
  await store.insert(worker, [job("low")], 1, { claimUpTo: 0 });
  const claims: string[][] = [];
  for (let left: number | undefined = 1; left !== undefined;) {
    const { jobs, dueLeft } = await store.claim(worker, 1000, 2);
    claims.push(jobs.map(({ id }) => id));
    left = dueLeft;
  }
  // Some are read at a time: half as much again at the most.
  for (const claimed of claims) expect(claimed.length * bodyBytes).toBeLessThanOrEqual(12 * MiB);
  expect(claims.length).toBeLessThanOrEqual(Math.ceil((151 * bodyBytes) / (8 * MiB)));
  expect(claims.flat()).toEqual([...ids, "low"]);
  await store.close();
});

test("thousands of jobs that expire at once do so in several claims, and hide no job behind them", async () => {
  const store = await openSqliteStore({ path, maxDepth: 10_000 });
  const worker = await store.registerWorker({ name: "w", now: 1, leaseMs: 10_000 });
  const jobs = Array.from({ length: 2500 }, (_, index) => job(`e${index}`, { ...noBody, expireTime: 10 }));
  await store.insert(worker, [...jobs, job("last", noBody)], 1, { claimUpTo: 0, each: true });
  const claimed: string[] = [];
  let rounds = 0;
  for (let next: number | undefined = 0; next !== undefined; rounds++) {
    const result = await store.claim(worker, 10, 20);
    claimed.push(...result.jobs.map(({ id }) => id));
    next = result.nextDueTime;
  }
  expect(claimed).toEqual(["last"]);
  expect(rounds).toBe(3);
  expect(await store.depth()).toBe(1);
  await store.close();
});

test("what waits for the disk is bounded: more is refused, with the time to wait, and not stored", async () => {
  const store = await openSqliteStore({ path, maxDepth: 10_000 });
  const large = { request: { ...job("").request, body: new Uint8Array(30 * MiB) } };
  const ids = Array.from({ length: 8 }, (_, index) => `large-${index}`);
  const results = await Promise.allSettled(
    ids.map((id) => store.insert(0, [job(id, large)], 1, { claimUpTo: 0 })),
  );
  const refused = results.filter((result) => result.status === "rejected");
  expect(refused).toHaveLength(4);
  for (const { reason } of refused) {
    expect(reason).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "STORE_BEHIND", retryDelayMs: 1000 });
  }
  expect(await store.depth()).toBe(4);
  await store.close();
});

test("a program that keeps reading does not keep the store from being opened, nor from taking jobs", async () => {
  const first = await openSqliteStore({ path, maxDepth: 100 });
  const worker = await first.registerWorker({ name: "a", now: 1, leaseMs: 1000 });
  await first.insert(worker, [job("before", noBody)], 1, { claimUpTo: 0 });
  const reader = new DatabaseSync(path);
  try {
    reader.exec("BEGIN");
    expect(reader.prepare("SELECT count(*) AS jobs FROM job").get()).toMatchObject({ jobs: 1 });
    await first.insert(worker, [job("while it reads", noBody)], 1, { claimUpTo: 0 });
    const second = await openSqliteStore({ path, maxDepth: 100 });
    const [stored] = await second.insert(worker, [job("after", noBody)], 1, { claimUpTo: 0 });
    expect(stored).toMatchObject({ kind: "stored" });
    expect(await second.depth()).toBe(3);
    await second.close();
  } finally {
    reader.close();
    await first.close();
  }
});
