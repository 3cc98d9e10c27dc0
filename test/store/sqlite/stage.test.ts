/** Batches in pieces, change by change: what the rest of the world sees of them at each moment. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { JobRecord, NewJob } from "../../../server/src/job/job.ts";
import type { JobPage } from "../../../server/src/store/store.ts";
import { openConnection } from "../../../server/src/store/sqlite/connection.ts";
import { Checkpoints } from "../../../server/src/store/sqlite/failed-sync.ts";
import { migrate } from "../../../server/src/store/sqlite/migrations.ts";
import { Reads } from "../../../server/src/store/sqlite/reads.ts";
import { toRow } from "../../../server/src/store/sqlite/rows.ts";
import { openSqliteStore } from "../../../server/src/store/sqlite/store.ts";
import { Writes } from "../../../server/src/store/sqlite/writes.ts";
import type { WriteOperation, WriteResults } from "../../../server/src/store/sqlite/writes/operations.ts";
import { newJob } from "../../support/new-job.ts";

const now = 1_700_000_000_000;
const maxDepth = 1000;

function temporaryPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-stage-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "fieldpost.db");
}

function open() {
  const path = temporaryPath();
  const database = openConnection(path);
  migrate(database);
  const checkpoints = new Checkpoints(path);
  const writes = new Writes(database);
  const reads = new Reads(database, checkpoints);
  onTestFinished(() => {
    database.close();
    checkpoints.close();
  });
  const write = <O extends WriteOperation>(operation: O): WriteResults[O["kind"]] => {
    database.exec("BEGIN IMMEDIATE");
    writes.begin();
    const result = writes.run(operation);
    writes.end();
    database.exec("COMMIT");
    return result as WriteResults[O["kind"]];
  };
  const worker = write({ kind: "register", name: "w", leaseTime: now + 10_000 });
  const terms = { worker, now, maxDepth, claimUpTo: 0, each: false };
  return {
    worker,
    write,
    database,
    openStage(count: number): number {
      const opened = write({ kind: "open-stage", worker, count, maxDepth });
      if (opened.kind === "full") throw new Error("full");
      return opened.stage;
    },
    add: (stage: number, jobs: readonly NewJob[], changes: { claimUpTo?: number; each?: boolean } = {}) =>
      write({ kind: "insert", ...terms, ...changes, stage, jobs: jobs.map(toRow) }),
    claim: (limit = 1000, at = now) => write({ kind: "claim", worker, limit, now: at }),
    get: (id: string) => reads.run({ kind: "get", id, parts: new Set() }) as JobRecord | undefined,
    list: (filter?: { kind: "state"; state: "QUEUED" }) =>
      reads.run({
        kind: "list",
        query: { limit: 2000, maxBytes: 1e9, beforeKey: undefined, parts: new Set(), filter },
      }) as JobPage,
    depth: () => reads.run({ kind: "depth" }),
    left: () => database.prepare("SELECT count(*) AS count FROM stage").get()!["count"],
  };
}

const identity = (content = "a") => ({
  requestIdentity: { id: Buffer.from("0123456789abcdef"), contentHash: Buffer.from(content.repeat(16)) },
});

describe("a batch that is not whole", () => {
  test("is seen by nobody, claimed by nobody, and changed by nobody", () => {
    const store = open();
    const [job, other] = [newJob(), newJob()];
    const stage = store.openStage(2);
    expect(store.add(stage, [job, other])).toMatchObject([{ kind: "stored" }, { kind: "stored" }]);
    expect(store.get(job.id)).toBeUndefined();
    expect(store.list().jobs).toEqual([]);
    expect(store.list({ kind: "state", state: "QUEUED" }).jobs).toEqual([]);
    expect(store.claim()).toEqual({ rows: [], nextDueTime: null, dueLeft: null });
    const { id } = job;
    expect(store.write({ kind: "cancel", id, now, revision: undefined })).toEqual({ kind: "not-found" });
    expect(store.write({ kind: "delete", id, now, revision: undefined })).toEqual({ kind: "not-found" });
    expect(store.write({ kind: "retry", id, now, revision: undefined, maxDepth })).toEqual({
      kind: "not-found",
    });
    // Its places are taken.
    expect(store.depth()).toBe(2);
  });

  test("keeps out what has the same id, request_id or dedupKey, and says that it is under way", () => {
    const store = open();
    const job = newJob({ dedupKey: "key", ...identity() });
    const stage = store.openStage(1);
    store.add(stage, [job]);
    const underWay = [{ kind: "under-way", id: job.id }];
    for (const each of [false, true]) {
      expect(store.add(0, [newJob({ id: job.id })], { each })).toEqual(underWay);
      expect(store.add(0, [newJob({ dedupKey: "key" })], { each })).toEqual(underWay);
      expect(store.add(0, [newJob(identity())], { each })).toEqual(underWay);
    }
    const second = store.openStage(1);
    expect(store.add(second, [newJob({ dedupKey: "key" })])).toEqual(underWay);
    // Within itself a batch is as any other.
    expect(store.add(stage, [newJob({ dedupKey: "key" })])).toMatchObject([
      { kind: "duplicate", id: job.id },
    ]);
    expect(store.add(stage, [newJob(identity())])).toMatchObject([{ kind: "repeated", id: job.id }]);
    expect(store.add(stage, [newJob({ id: job.id })])).toEqual([{ kind: "id-taken", id: job.id }]);
  });

  test("keeps a job with its dedupKey from a new run, until it is given up", () => {
    const { write, openStage, add } = open();
    const [ended, coming] = [newJob({ dedupKey: "key" }), newJob({ dedupKey: "key" })];
    add(0, [ended]);
    write({ kind: "cancel", id: ended.id, now, revision: undefined });
    const stage = openStage(1);
    expect(add(stage, [coming])).toMatchObject([{ kind: "stored" }]);
    const retry = () => write({ kind: "retry", id: ended.id, now, revision: undefined, maxDepth });
    expect(retry()).toEqual({ kind: "under-way", id: coming.id });
    write({ kind: "discard-stage", stage });
    expect(retry()).toEqual({ kind: "restarted" });
  });

  test("is refused whole if there is no room for it", () => {
    const store = open();
    store.openStage(maxDepth - 5);
    expect(store.write({ kind: "open-stage", worker: store.worker, count: 6, maxDepth })).toEqual({
      kind: "full",
      depth: maxDepth - 5,
      limit: maxDepth,
    });
    expect(
      store.add(
        0,
        Array.from({ length: 6 }, () => newJob()),
      ),
    ).toMatchObject([{ kind: "full" }]);
  });
});

describe("a batch that is given up", () => {
  const take: [string, (store: ReturnType<typeof open>, stage: number) => unknown][] = [
    ["by who brought it", ({ write }, stage) => write({ kind: "discard-stage", stage })],
    [
      "because its worker is lost",
      ({ write }) => write({ kind: "recover", now, lost: ["w"], leasesEndedBy: 0 }),
    ],
    [
      "because its worker was released",
      ({ write, worker }) => {
        write({ kind: "release", worker });
        write({ kind: "recover", now, lost: [], leasesEndedBy: 0 });
      },
    ],
  ];

  test.each(take)("%s leaves nothing, and gives all that it held free", (_, giveUp) => {
    const store = open();
    const jobs = Array.from({ length: 600 }, (_, index) => newJob({ dedupKey: `key ${index}` }));
    const named = newJob({ dedupKey: "key", ...identity() });
    const stage = store.openStage(700);
    store.add(stage, [named, ...jobs]);
    giveUp(store, stage);
    expect(store.depth()).toBe(0);
    expect(store.get(named.id)).toBeUndefined();
    // At once, though its rows are still there.
    expect(store.add(0, [newJob({ id: named.id })])).toMatchObject([{ kind: "stored" }]);
    expect(store.add(0, [newJob({ dedupKey: "key 5" }), newJob(identity("b"))])).toMatchObject([
      { kind: "stored" },
      { kind: "stored" },
    ]);
    expect(store.add(stage, [newJob()])).toBeUndefined();
    expect(store.write({ kind: "publish-stage", stage, stored: 601 })).toBe(false);
    const claimer = store.write({ kind: "register", name: "other", leaseTime: now + 10_000 });
    for (let i = 0; i < 3; i++) store.write({ kind: "claim", worker: claimer, limit: 0, now });
    expect(store.left()).toBe(0);
    expect(store.list().jobs).toHaveLength(3);
    for (const table of ["job", "spec"])
      expect(store.database.prepare(`SELECT count(*) AS count FROM ${table}`).get()!["count"]).toBe(3);
    expect(store.depth()).toBe(3);
  });
});

describe("a batch that is whole", () => {
  test("is seen at once, and claimed in the order of priorities as it is settled", () => {
    const store = open();
    const jobs = Array.from({ length: 600 }, (_, index) =>
      newJob({ priority: index % 2, id: `job-${index}`, scheduleTime: index === 7 ? now + 500 : undefined }),
    );
    const waiting = newJob({ priority: 1, id: "waiting" });
    store.add(0, [waiting]);
    const stage = store.openStage(700);
    store.add(stage, jobs.slice(0, 300));
    store.add(stage, jobs.slice(300));
    expect(store.write({ kind: "publish-stage", stage, stored: 600 })).toBe(true);
    expect(store.depth()).toBe(601);
    expect(store.list().jobs).toHaveLength(601);
    expect(store.get("job-3")?.state).toBe("QUEUED");
    // What comes later does not overtake it.
    expect(store.add(0, [newJob()], { claimUpTo: 1 })).toMatchObject([{ kind: "stored", claimed: false }]);
    const claimed: string[] = [];
    let first: number | undefined;
    for (let next: number | null = 0; next !== null && next <= now;) {
      const { rows, nextDueTime } = store.claim();
      first ??= rows.length;
      claimed.push(...rows.map(({ id }) => id));
      next = nextDueTime;
    }
    expect(first).toBeLessThan(300);
    expect(claimed).toHaveLength(601);
    expect(claimed[0]).toBe("waiting");
    const priorities = claimed.slice(1, 301).map((id) => Number(id.split("-")[1]) % 2);
    expect(priorities.slice(0, 200)).toEqual(Array.from({ length: 200 }, () => 1));
    expect(store.left()).toBe(0);
    expect(store.claim(10, now + 500).rows.map(({ id }) => id)).toEqual(["job-7"]);
  });

  test("counts only what it stored, and one that stored nothing is forgotten", () => {
    const store = open();
    const known = newJob({ dedupKey: "key" });
    store.add(0, [known]);
    const stage = store.openStage(1);
    expect(store.add(stage, [newJob({ dedupKey: "key" })])).toMatchObject([{ kind: "duplicate" }]);
    store.write({ kind: "publish-stage", stage, stored: 0 });
    expect(store.depth()).toBe(1);
    store.claim();
    expect(store.left()).toBe(0);
  });

  test("stays so when it is given up too late, or its worker dies", () => {
    const store = open();
    const job = newJob();
    const stage = store.openStage(1);
    store.add(stage, [job]);
    store.write({ kind: "publish-stage", stage, stored: 1 });
    store.write({ kind: "discard-stage", stage });
    store.write({ kind: "recover", now, lost: ["w"], leasesEndedBy: 0 });
    expect(store.depth()).toBe(1);
    const worker = store.write({ kind: "register", name: "other", leaseTime: now + 10_000 });
    expect(store.write({ kind: "claim", worker, limit: 5, now }).rows).toMatchObject([{ id: job.id }]);
  });

  test("can be cancelled and deleted before it is settled, and moves along with the clock", () => {
    const store = open();
    const [cancelled, deleted, relative] = [
      newJob(),
      newJob(),
      newJob({ scheduleTime: now + 5000, isRelative: true }),
    ];
    const stage = store.openStage(3);
    store.add(stage, [cancelled, deleted, relative]);
    store.write({ kind: "publish-stage", stage, stored: 3 });
    for (const { id } of [cancelled, deleted])
      expect(store.write({ kind: "cancel", id, now, revision: undefined }).kind).toBe("cancelled");
    expect(store.write({ kind: "delete", id: deleted.id, now, revision: undefined })).toEqual({
      kind: "deleted",
    });
    store.write({ kind: "note-time", now, uptimeMs: 1000, boot: "b", leaseMs: 10_000 });
    store.write({ kind: "note-time", now: now + 50_000, uptimeMs: 2000, boot: "b", leaseMs: 10_000 });
    expect(store.get(relative.id)?.nextAttemptTime).toBe(now + 54_000);
    expect(store.claim(10, now + 54_000).rows.map(({ id }) => id)).toEqual([relative.id]);
    expect(store.get(cancelled.id)?.state).toBe("CANCELLED");
    expect(store.left()).toBe(0);
  });
});

test("a batch through the store is there whole or not at all, at every moment", async () => {
  const path = temporaryPath();
  const store = await openSqliteStore({ path, maxDepth: 100_000 });
  const worker = await store.registerWorker({ name: "w", now, leaseMs: 10_000 });
  const jobs = Array.from({ length: 5000 }, () => newJob());
  const ids = new Set(jobs.map(({ id }) => id));
  const seen = new Set<number>();
  let done = false;
  const watch = async (): Promise<void> => {
    while (!done) {
      const { jobs: found } = await store.list({
        limit: 10_000,
        maxBytes: 1e9,
        beforeKey: undefined,
        parts: new Set(),
        filter: undefined,
      });
      seen.add(found.filter(({ id }) => ids.has(id)).length);
    }
  };
  const watching = watch();
  const results = await store.insert(worker, jobs, now, { claimUpTo: 0 });
  expect(results).toHaveLength(5000);
  expect(results.every((result) => result.kind === "stored" && !result.claimed)).toBe(true);
  seen.add(
    (
      await store.list({
        limit: 10_000,
        maxBytes: 1e9,
        beforeKey: undefined,
        parts: new Set(),
        filter: undefined,
      })
    ).jobs.length,
  );
  done = true;
  await watching;
  expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 5000]);

  const taken = [...Array.from({ length: 3000 }, () => newJob()), newJob({ id: jobs[4]!.id })];
  expect(await store.insert(worker, taken, now, { claimUpTo: 0 })).toEqual([
    { kind: "id-taken", id: jobs[4]!.id },
  ]);
  expect(await store.depth()).toBe(5000);
  expect(await store.get(taken[0]!.id, new Set())).toBeUndefined();
  const reused = [
    ...Array.from({ length: 1000 }, () => newJob()),
    newJob({ requestIdentity: { id: Buffer.alloc(16, 1), contentHash: Buffer.alloc(16, 2) } }),
  ];
  await store.insert(
    worker,
    [newJob({ requestIdentity: { id: Buffer.alloc(16, 1), contentHash: Buffer.alloc(16, 3) } })],
    now,
    { claimUpTo: 0 },
  );
  expect(await store.insert(worker, reused, now, { claimUpTo: 0 })).toEqual([
    { kind: "request-id-reused", index: 1000 },
  ]);
  // Sent again without what was wrong, though the rows of the first try may still be there.
  expect(await store.insert(worker, taken.slice(0, 3000), now, { claimUpTo: 0 })).toHaveLength(3000);
  await store.close();
});

test("a call of one job waits for no batch that came before it", async () => {
  const path = temporaryPath();
  const store = await openSqliteStore({ path, maxDepth: 100_000 });
  const ended: string[] = [];
  const batches = Array.from({ length: 5 }, async () => {
    await store.insert(
      0,
      Array.from({ length: 2000 }, () => newJob()),
      now,
      { claimUpTo: 0 },
    );
    ended.push("batch");
  });
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 5; i++) {
    await store.insert(0, [newJob()], now, { claimUpTo: 0 });
    ended.push("single");
  }
  await Promise.all(batches);
  expect(ended.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => "single"));
  expect(await store.depth()).toBe(10_005);
  await store.close();
});
