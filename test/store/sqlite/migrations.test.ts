/** Stores that earlier releases have written, one file a schema, opened by this one. */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Store } from "../../../server/src/store/store.ts";
import { openSqliteStore } from "../../../server/src/store/sqlite/store.ts";
import { newJob } from "../../support/new-job.ts";

const start = 1_700_000_000_000;

async function openOld(schema: number): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-store-"));
  const path = join(folder, "fieldpost.db");
  copyFileSync(new URL(`releases/schema-${schema}.db`, import.meta.url), path);
  const store = await openSqliteStore({ path, maxDepth: 1000 });
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return store;
}

test("a store of schema 1 keeps its jobs, and they go on", async () => {
  const store = await openOld(1);
  const read = (id: string) =>
    store.get(id, new Set(["spec", "body", "attempts", "response", "response-body"]));
  expect(await store.depth()).toBe(3);
  expect(await read("succeeded")).toMatchObject({
    state: "SUCCEEDED",
    runCount: 1,
    spec: { ambiguityPolicy: "retry", labels: new Map([["a", "1"]]) },
    attempts: [{ number: 1, result: "succeeded", httpStatus: 200, dueTime: undefined, passage: undefined }],
    response: { body: new TextEncoder().encode("ok") },
  });
  const failed = { kind: "state", state: "FAILED" } as const;
  const query = { limit: 10, maxBytes: 1e6, beforeKey: undefined, parts: new Set<never>() };
  expect((await store.list({ ...query, filter: failed })).jobs.map(({ id }) => id)).toEqual(["failed"]);
  expect(await store.retry("failed", start + 10)).toEqual({ kind: "restarted" });

  await store.recover({ now: start + 20, lost: ["worker-1"] });
  expect(await read("sending")).toMatchObject({
    state: "RETRYING",
    attempts: [{ result: "outcome-unknown" }],
  });
  const worker = await store.registerWorker({ name: "worker-2", now: start, leaseMs: 10_000 });
  const { jobs } = await store.claim(worker, 10, start + 2e6);
  expect(jobs.map(({ id }) => id).toSorted()).toEqual(["failed", "queued", "scheduled", "sending"]);
  expect(jobs.find(({ id }) => id === "queued")).toMatchObject({ attemptsBefore: 0, runTime: start });
  // Two have ended: the one that SUCCEEDED and the one that was cancelled.
  const all = { endedBefore: 0, respondedBefore: 0, limit: 10 };
  expect(await store.sweep({ ...all, now: start, maxEnded: 0 })).toEqual({ jobs: 2, more: false });
  const key = { dedupKey: "key" };
  await store.insert(worker, [newJob(key)], start, { claimUpTo: 0 });
  expect(await store.insert(worker, [newJob(key)], start, { claimUpTo: 0 })).toMatchObject([
    { kind: "duplicate" },
  ]);
});

test("a store of schema 2 keeps its jobs, its calls and what it kept of jobs that have ended", async () => {
  const store = await openOld(2);
  expect(await store.depth()).toBe(3);
  const identity = { id: Buffer.alloc(16, 1), contentHash: Buffer.alloc(16, 2) };
  expect(
    await store.insert(0, [newJob({ requestIdentity: identity })], start, { claimUpTo: 0 }),
  ).toMatchObject([{ kind: "repeated", id: "called" }]);
  expect(await store.insert(0, [newJob({ dedupKey: "key" })], start, { claimUpTo: 0 })).toMatchObject([
    { kind: "duplicate", id: "held" },
  ]);
  expect(await store.recover({ now: start + 30, lost: ["worker-1"] })).toEqual({
    requeued: 1,
    failed: 0,
    held: 1,
  });
  expect(await store.get("kept-long", new Set(["attempts", "response"]))).toMatchObject({
    retentionMs: 1e9,
    attempts: [{ claimTime: start, passage: { remoteAddress: "127.0.0.1:80" } }],
    response: { status: 200 },
  });
  const sweep = { now: start + 1000, endedBefore: start + 1000, respondedBefore: 0, limit: 10 };
  expect(await store.sweep({ ...sweep, maxEnded: 10 })).toEqual({ jobs: 1, more: false });
  expect(await store.get("kept-as-usual", new Set())).toBeUndefined();
  expect(await store.get("kept-long", new Set())).toBeDefined();
  expect(await store.sweep({ ...sweep, maxEnded: 0 })).toEqual({ jobs: 1, more: false });
  // A batch that comes in pieces.
  const batch = Array.from({ length: 250 }, () => newJob());
  expect(await store.insert(0, batch, start, { claimUpTo: 0 })).toHaveLength(250);
});

test("a store of schema 3 keeps the ages of its jobs, and a batch that was not settled yet", async () => {
  const store = await openOld(3);
  expect(await store.depth()).toBe(252);
  const jump = 3_600_000;
  // It was noted at the machine's start that it was written in.
  expect(await store.noteTime({ now: start + 20 + jump, uptimeMs: 1010, boot: "boot-1" }, 10_000)).toBe(jump);
  const worker = await store.registerWorker({ name: "worker-2", now: start + jump, leaseMs: 10_000 });
  expect(await store.recover({ now: start + jump + 4000, lost: ["worker-1"] })).toMatchObject({
    requeued: 1,
  });
  const { jobs } = await store.claim(worker, 500, start + jump + 4000);
  const runTimes = new Map(jobs.map(({ id, runTime }) => [id, runTime]));
  expect([runTimes.get("aging"), runTimes.get("ageless")]).toEqual([start + jump, start]);
  // Of the batch, every other job was scheduled for a time of day that is over, the others came with a delay.
  expect(jobs).toHaveLength(2 + 125);
  expect((await store.claim(worker, 500, start + jump + 100_000)).jobs).toHaveLength(125);
  // It had ended before the jump.
  const sweep = { endedBefore: start + jump, respondedBefore: 0, maxEnded: 10, limit: 10 };
  expect((await store.sweep({ ...sweep, now: start + jump + 20 })).jobs).toBe(0);
  expect((await store.sweep({ ...sweep, now: start + jump + 20, endedBefore: start + jump + 6 })).jobs).toBe(
    1,
  );
});
