import { describe, expect, test } from "vitest";
import { RelayError } from "../../server/src/job/error.ts";
import type { Store } from "../../server/src/store/store.ts";
import { createMemoryDisk, openMemoryStore } from "./memory-store.ts";
import { describeStore } from "./store-suite.ts";
import { insert, newJob, newJobs, noParts, registerWorker, start } from "./suite/setting.ts";

for (const seed of [1, 2, 20_251]) {
  describeStore(
    `the memory store with seed ${seed}`,
    async ({ maxDepth }) => {
      const disk = createMemoryDisk(seed);
      let opened = 0;
      const open = async () => openMemoryStore({ maxDepth, seed: seed + opened++, disk });
      return { store: await open(), reopen: open, cleanup: async () => {} };
    },
    { persists: true },
  );
}

/** In which order 12 inserts that were called one after the other committed, and were answered. */
async function ordersOf(seed: number): Promise<{ committed: number[]; answered: number[] }> {
  const store = openMemoryStore({ maxDepth: 100, seed });
  const worker = await registerWorker(store);
  const answered: number[] = [];
  const revisions = await Promise.all(
    newJobs(12).map(async (job, index) => {
      const [stored] = await insert(store, worker, [job]);
      answered.push(index);
      return { index, revision: stored?.revision ?? 0 };
    }),
  );
  await store.close();
  const byCommit = revisions.toSorted((a, b) => a.revision - b.revision);
  return { committed: byCommit.map(({ index }) => index), answered };
}

/** @returns false if the store does not know whether it took it */
async function tryInsert(store: Store, id: string): Promise<boolean> {
  try {
    await store.insert(0, [newJob({ id })], start, { claimUpTo: 0 });
    return true;
  } catch (error) {
    if (error instanceof RelayError && error.code === "UNAVAILABLE" && error.reason === "STORE_FAILED")
      return false;
    throw error;
  }
}

describe("the memory store", () => {
  const called = Array.from({ length: 12 }, (_, index) => index);

  test("commits calls at the same time in another order than they came, and answers in a third one", async () => {
    const { committed, answered } = await ordersOf(7);
    expect(committed).not.toEqual(called);
    expect(answered).not.toEqual(called);
    expect(answered).not.toEqual(committed);
    expect(committed.toSorted((a, b) => a - b)).toEqual(called);
  });

  test("does the same again with the same seed, and something else with another", async () => {
    expect(await ordersOf(7)).toEqual(await ordersOf(7));
    expect(await ordersOf(8)).not.toEqual(await ordersOf(7));
  });

  test("does not commit before the call has returned", async () => {
    const store = openMemoryStore({ maxDepth: 100, seed: 1 });
    const job = newJob();
    const body = new Uint8Array([1, 2, 3]);
    const inserted = store.insert(0, [{ ...job, request: { ...job.request, body } }], start, {
      claimUpTo: 0,
    });
    body.fill(9);
    await inserted;
    const record = await store.get(job.id, new Set(["spec", "body"]));
    expect([...(record?.spec?.request.body ?? [])]).toEqual([1, 2, 3]);
  });

  test("lets no caller change what it keeps", async () => {
    const store = openMemoryStore({ maxDepth: 100, seed: 1 });
    const job = newJob();
    await insert(store, await registerWorker(store), [job]);
    const parts = new Set(["spec", "body"] as const);
    const first = await store.get(job.id, parts);
    first?.spec?.request.body.fill(0);
    expect((await store.get(job.id, parts))?.spec?.request.body).toEqual(job.request.body);
  });

  test("says STORE_CLOSED once it is closed", async () => {
    const store = openMemoryStore({ maxDepth: 100, seed: 1 });
    await store.close();
    await expect(store.depth()).rejects.toMatchObject({ code: "UNAVAILABLE", reason: "STORE_CLOSED" });
  });

  test("asked for unknown writes, rejects some that took effect and some that did not", async () => {
    const store = openMemoryStore({ maxDepth: 1000, seed: 3, unknownPercent: 50 });
    const outcomes = { stored: 0, "unknown, stored": 0, "unknown, not stored": 0 };
    for (const job of newJobs(100)) {
      const known = await tryInsert(store, job.id);
      const there = (await store.get(job.id, noParts)) !== undefined;
      expect(there || !known).toBe(true);
      outcomes[known ? "stored" : there ? "unknown, stored" : "unknown, not stored"]++;
    }
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(10);
  });
});
