/* oxlint-disable vitest/expect-expect -- expectSpec asserts */
import { describe, expect, test } from "vitest";
import { RelayError } from "../../../server/src/job/error.ts";
import type { Store } from "../../../server/src/store/store.ts";
import { expectSpec, rich } from "./round-trip.ts";
import {
  claimOne,
  endedAs,
  get,
  idsOf,
  insert,
  jobIn,
  leaseMs,
  newJob,
  newJobs,
  noParts,
  registerWorker,
  responseOf,
  retriedAt,
  setUp,
  start,
  statesOf,
  succeeded,
  sumOf,
  type OpenStore,
} from "./setting.ts";

const everything = {
  limit: 1000,
  maxBytes: 10_000_000,
  beforeKey: undefined,
  parts: noParts,
  filter: undefined,
};

const calls: readonly (readonly [name: string, call: (store: Store) => Promise<unknown>])[] = [
  ["registerWorker", (store) => store.registerWorker({ name: "late", now: start, leaseMs })],
  ["renewLease", (store) => store.renewLease(1, start, leaseMs)],
  ["releaseWorker", (store) => store.releaseWorker(1)],
  ["recover", (store) => store.recover({ now: start, lost: [] })],
  ["insert", (store) => store.insert(1, [newJob()], start, { claimUpTo: 0 })],
  ["claim", (store) => store.claim(1, 1, start)],
  ["finish", (store) => store.finish(1, [succeeded({ key: 1, attempt: 1 })])],
  ["cancel", (store) => store.cancel("some", start)],
  ["get", (store) => store.get("some", noParts)],
  ["list", (store) => store.list(everything)],
  ["depth", (store) => store.depth()],
];

export function describeClose(open: OpenStore): void {
  describe("close", () => {
    test.each(calls)("makes a later %s reject with UNAVAILABLE", async (_name, call) => {
      await using setting = await setUp(open);
      await registerWorker(setting.store);
      await setting.store.close();
      const error: unknown = await call(setting.store).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RelayError);
      expect(error).toMatchObject({ code: "UNAVAILABLE" });
    });

    test("waits for what is under way", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const settled: string[] = [];
      const batch = newJobs(30);
      const inserts = batch.map(async (job) => {
        await insert(store, worker, [job]);
        settled.push(job.id);
      });
      const reads = [store.depth(), store.list(everything), store.get("some", noParts)];
      await store.close();
      await Promise.all(inserts);
      await Promise.all(reads);
      expect(settled.toSorted()).toEqual(idsOf(batch).toSorted());
    });
  });
}

/** For stores whose data can be opened again. */
export function describeReopen(open: OpenStore): void {
  describe("opened again", () => {
    test("keeps every job as it was", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const batch = [rich({ scheduleTime: start + 1e6 }), newJob({ scheduleTime: start + 1e6, priority: 4 })];
      await insert(setting.store, worker, batch);
      const ids = idsOf(batch);
      const states = ["EXPIRED", "SUCCEEDED", "FAILED", "HELD", "CANCELLED", "RETRYING"] as const;
      for (const state of states) ids.push((await jobIn(setting.store, worker, state)).id);
      ids.push((await jobIn(setting.store, worker, "DISPATCHING")).id);
      ids.push((await jobIn(setting.store, worker, "QUEUED")).id);
      const before = await Promise.all(ids.map((id) => get(setting.store, id)));
      const page = await setting.store.list(everything);
      const depth = await setting.store.depth();
      await setting.store.close();
      const store = await setting.reopen();
      for (const [index, id] of ids.entries()) expect(await get(store, id)).toEqual(before[index]);
      expect(await store.list(everything)).toEqual(page);
      expect(await store.depth()).toBe(depth);
    });

    test("keeps running attempts with their worker, so that it may finish them", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const running = await jobIn(setting.store, worker, "DISPATCHING");
      await setting.store.close();
      const store = await setting.reopen();
      expect(await store.renewLease(worker, start + 1, leaseMs)).toBe(true);
      expect(await store.recover({ now: start + leaseMs, lost: [] })).toEqual({
        requeued: 0,
        failed: 0,
        held: 0,
      });
      expect(await store.finish(worker, [succeeded(running)])).toEqual(["recorded"]);
    });

    test("keeps leases, so that a worker that did not come back is recovered", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const { id } = await jobIn(setting.store, worker, "DISPATCHING");
      await setting.store.close();
      const store = await setting.reopen();
      expect(await store.recover({ now: start + leaseMs + 1, lost: [] })).toEqual({
        requeued: 1,
        failed: 0,
        held: 0,
      });
      const other = await registerWorker(store, "worker-2", start + leaseMs);
      expect(await claimOne(store, other, start + leaseMs + 1)).toMatchObject({ id, attempt: 2 });
    });

    test("hands out what was stored before it was closed", async () => {
      await using setting = await setUp(open);
      const job = rich();
      await insert(setting.store, await registerWorker(setting.store), [job]);
      await setting.store.close();
      const store = await setting.reopen();
      expectSpec(await claimOne(store, await registerWorker(store, "worker-2")), job);
    });

    test("goes on with keys, revisions, worker numbers, ids and the depth limit", async () => {
      await using setting = await setUp(open, 4);
      const first = setting.store;
      const workers = [await registerWorker(first), await registerWorker(first)];
      const taken = newJobs(3);
      const stored = await insert(first, workers[0] ?? 0, taken);
      for (const worker of workers) await first.releaseWorker(worker);
      await first.recover({ now: start, lost: ["worker-1"] });
      await first.close();
      const store = await setting.reopen();
      const worker = await registerWorker(store);
      expect(workers).not.toContain(worker);
      const again = await store.insert(worker, taken.slice(0, 1), start, { claimUpTo: 0 });
      expect(again).toEqual([{ kind: "id-taken", id: taken[0]?.id }]);
      expect(await store.insert(worker, newJobs(2), start, { claimUpTo: 0 })).toEqual([
        { kind: "full", depth: 3, limit: 4 },
      ]);
      const [next] = await insert(store, worker, [newJob()]);
      for (const { key, revision } of stored) {
        expect(next?.key).not.toBe(key);
        expect(next?.revision).toBeGreaterThan(revision);
      }
    });

    test("many times keeps what each time added", async () => {
      await using setting = await setUp(open);
      let { store } = setting;
      const jobs = newJobs(5);
      for (const [index, job] of jobs.entries()) {
        const worker = await registerWorker(store, `worker-${index}`);
        const [stored] = await insert(store, worker, [job], { claimUpTo: 1 });
        expect(stored?.claimed).toBe(true);
        await store.finish(worker, [endedAs("HELD", { key: stored?.key ?? 0, attempt: 1 })]);
        await store.close();
        store = await setting.reopen();
      }
      expect(await statesOf(store, jobs)).toEqual(Array(5).fill("HELD"));
      expect(await store.depth()).toBe(5);
    });
  });

  describe("two stores open on the same data", () => {
    test("see at once what the other one has answered for", async () => {
      await using setting = await setUp(open);
      const [one, two] = [setting.store, await setting.reopen()];
      const worker = await registerWorker(one);
      const job = newJob();
      await insert(one, worker, [job]);
      expect((await get(two, job.id, noParts)).state).toBe("QUEUED");
      const other = await registerWorker(two, "worker-2");
      expect(other).not.toBe(worker);
      const claimed = await claimOne(two, other);
      expect(await get(one, job.id, noParts)).toMatchObject({ state: "DISPATCHING", attemptCount: 1 });
      expect(await one.finish(worker, [succeeded(claimed)])).toEqual(["stale"]);
      await two.finish(other, [retriedAt(start, claimed, { response: responseOf(500) })]);
      expect((await get(one, job.id)).response?.status).toBe(500);
      await one.cancel(job.id, start);
      expect(await two.depth()).toBe(0);
    });

    test("never give the same job to two workers, nor an id to two jobs, nor a number to two workers", async () => {
      await using setting = await setUp(open);
      const stores = [setting.store, await setting.reopen()];
      const workers = await Promise.all(stores.map((store) => registerWorker(store)));
      expect(new Set(workers).size).toBe(2);
      const begun: string[] = [];
      const stored: string[] = [];
      await Promise.all(
        Array.from({ length: 80 }, async (_, index) => {
          const side = index % 2;
          const [store, worker] = [stores[side] ?? setting.store, workers[side] ?? 0];
          if (index % 4 < 2) return void begun.push(...idsOf((await store.claim(worker, 3, start)).jobs));
          // Each id is tried from both sides.
          const batch = [newJob({ id: `contested-${index >> 2}` })];
          const [result] = await store.insert(worker, batch, start, { claimUpTo: 1 });
          if (result?.kind !== "stored") return undefined;
          stored.push(...idsOf(batch));
          if (result.claimed) begun.push(...idsOf(batch));
          return undefined;
        }),
      );
      begun.push(...idsOf((await setting.store.claim(workers[0] ?? 0, 100, start)).jobs));
      expect(stored).toHaveLength(20);
      expect(begun.toSorted()).toEqual(stored.toSorted());
      expect(await setting.store.depth()).toBe(20);
    });

    test("hold the depth limit together", async () => {
      await using setting = await setUp(open, 15);
      const stores = [setting.store, await setting.reopen()];
      const worker = await registerWorker(setting.store);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (stores[index % 2] ?? setting.store).insert(worker, newJobs(1), start, { claimUpTo: 0 }),
        ),
      );
      expect(results.flat().filter((result) => result.kind === "stored")).toHaveLength(15);
      expect(await setting.store.depth()).toBe(15);
    });

    test("count revisions together: the later commit has the higher one", async () => {
      await using setting = await setUp(open);
      const stores = [setting.store, await setting.reopen()];
      const worker = await registerWorker(setting.store);
      let last = 0;
      for (let round = 0; round < 10; round++) {
        const [stored] = await insert(stores[round % 2] ?? setting.store, worker, [newJob()]);
        expect(stored?.revision).toBeGreaterThan(last);
        last = stored?.revision ?? 0;
      }
    });

    test("recover each lost job once", async () => {
      await using setting = await setUp(open);
      const stores = [setting.store, await setting.reopen()];
      const worker = await registerWorker(setting.store);
      await insert(setting.store, worker, newJobs(10));
      await setting.store.claim(worker, 10, start);
      const results = await Promise.all(
        [...stores, ...stores].map((store) => store.recover({ now: start + 1, lost: ["worker-1"] })),
      );
      expect(sumOf(results)).toEqual({ requeued: 10, failed: 0, held: 0 });
    });

    test("go on when the other one is closed", async () => {
      await using setting = await setUp(open);
      const other = await setting.reopen();
      const worker = await registerWorker(setting.store);
      await setting.store.close();
      await insert(other, worker, [newJob()]);
      expect(await other.depth()).toBe(1);
    });
  });
}
