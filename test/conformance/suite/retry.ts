import { describe, expect, test } from "vitest";
import {
  claimOne,
  endedAs,
  get,
  insert,
  jobIn,
  newJob,
  noParts,
  registerWorker,
  retriedAt,
  setUp,
  start,
  succeeded,
  type OpenStore,
} from "./setting.ts";

const now = start + 5000;

export function describeRetry(open: OpenStore): void {
  describe("retry", () => {
    test.each(["FAILED", "CANCELLED", "EXPIRED", "HELD"] as const)(
      "begins a new run of a job that is %s",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        const { id, attempt } = await jobIn(store, worker, state);
        const before = await get(store, id);
        expect(await store.retry(id, now)).toEqual({ kind: "restarted" });
        expect(await get(store, id)).toMatchObject({
          state: "QUEUED",
          runCount: 2,
          attemptCount: attempt,
          attempts: before.attempts,
          nextAttemptTime: now,
          finishTime: undefined,
          expireTime: undefined,
          updateTime: now,
        });
        expect(await store.depth()).toBe(1);
        const claimed = await claimOne(store, worker, now + 1);
        expect(claimed).toMatchObject({
          id,
          attempt: attempt + 1,
          attemptsBefore: attempt,
          runTime: now,
          dueTime: now,
          claimTime: now + 1,
        });
        expect(performance.now() - claimed.claimUptimeMs).toBeGreaterThanOrEqual(0);
        expect(await store.finish(worker, [succeeded(claimed)])).toEqual(["recorded"]);
        expect(await store.depth()).toBe(0);
      },
    );

    test.each(["SCHEDULED", "QUEUED", "DISPATCHING", "RETRYING", "SUCCEEDED"] as const)(
      "changes nothing of a job that is %s",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        const { id } = await jobIn(store, worker, state);
        const before = await get(store, id);
        expect(await store.retry(id, now)).toEqual({ kind: "not-restartable", state });
        expect(await get(store, id)).toEqual(before);
      },
    );

    test("gives as many attempts again, also to a job whose worker is lost", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ maxAttempts: 2 })]);
      const first = await claimOne(store, worker);
      await store.finish(worker, [retriedAt(start, first)]);
      const second = await claimOne(store, worker);
      await store.finish(worker, [endedAs("FAILED", second)]);
      await store.retry(first.id, now);
      await claimOne(store, worker, now);
      const lost = { now, lost: ["worker-1"] };
      expect(await store.recover(lost)).toEqual({ requeued: 1, failed: 0, held: 0 });
      const next = await registerWorker(store);
      expect(await claimOne(store, next, now)).toMatchObject({ attempt: 4, attemptsBefore: 2 });
      expect(await store.recover(lost)).toEqual({ requeued: 0, failed: 1, held: 0 });
      expect((await get(store, first.id)).attempts?.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    });

    test("waits for the end of the attempt that ran when the job was cancelled", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      await store.cancel(running.id, start);
      expect(await store.retry(running.id, now)).toEqual({ kind: "still-sending" });
      await store.finish(worker, [endedAs("FAILED", running)]);
      expect(await store.retry(running.id, now)).toEqual({ kind: "restarted" });
    });

    test("is refused while another job has the dedupKey", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "FAILED", { dedupKey: "key" });
      const other = newJob({ dedupKey: "key" });
      await insert(store, worker, [other]);
      expect(await store.retry(id, now)).toEqual({ kind: "duplicate", id: other.id });
      await store.cancel(other.id, now);
      expect(await store.retry(id, now)).toEqual({ kind: "restarted" });
      expect(await store.insert(worker, [newJob({ dedupKey: "key" })], now, { claimUpTo: 0 })).toMatchObject([
        { kind: "duplicate", id },
      ]);
    });

    test("is refused by a full store, but for a job that is HELD, which counts already", async () => {
      await using setting = await setUp(open, 1);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "FAILED");
      const held = await jobIn(store, worker, "HELD");
      expect(await store.retry(id, now)).toEqual({ kind: "full", depth: 1, limit: 1 });
      expect(await store.retry(held.id, now)).toEqual({ kind: "restarted" });
      expect(await store.depth()).toBe(1);
    });

    test("of a job with another revision, or that is not there, says so", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "FAILED");
      const { revision } = await get(store, id, noParts);
      expect(await store.retry(id, now, revision + 1)).toEqual({ kind: "changed" });
      expect(await store.retry(id, now, revision)).toEqual({ kind: "restarted" });
      expect(await store.retry("nowhere", now)).toEqual({ kind: "not-found" });
    });

    test("by many at the same time begins one run", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "FAILED");
      const results = await Promise.all(Array.from({ length: 10 }, () => store.retry(id, now)));
      expect(results.filter(({ kind }) => kind === "restarted")).toHaveLength(1);
      expect((await get(store, id)).runCount).toBe(2);
      expect(await store.depth()).toBe(1);
    });
  });
}
