import { describe, expect, test } from "vitest";
import {
  claimOne,
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

const now = start + 300;

export function describeCancel(open: OpenStore): void {
  describe("cancel", () => {
    test.each(["SCHEDULED", "QUEUED", "RETRYING", "HELD"] as const)(
      "ends a job that is %s",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        const { id, key, attempt } = await jobIn(store, worker, state);
        const result = await store.cancel(id, now);
        const record = await get(store, id, noParts);
        expect(record).toMatchObject({
          id,
          key,
          state: "CANCELLED",
          attemptCount: attempt,
          nextAttemptTime: undefined,
          finishTime: now,
          updateTime: now,
        });
        expect(result).toMatchObject({ kind: "cancelled", dispatching: undefined });
        expect(result.kind === "cancelled" && result.job).toEqual(record);
        expect(await store.depth()).toBe(0);
        expect(await store.claim(worker, 10, start + 1e9)).toEqual({ jobs: [], nextDueTime: undefined });
      },
    );

    test("ends a job that is DISPATCHING, and tells who must stop sending it", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const [, worker] = [await registerWorker(store), await registerWorker(store, "worker-2")];
      await insert(store, worker, [newJob()]);
      await store.finish(worker, [retriedAt(start, await claimOne(store, worker))]);
      const { id } = await claimOne(store, worker, now - 1);
      expect(await store.cancel(id, now)).toMatchObject({
        kind: "cancelled",
        job: { id, state: "CANCELLED", attemptCount: 2, finishTime: now },
        dispatching: { worker, attempt: 2 },
      });
      expect(await get(store, id, noParts)).toMatchObject({ state: "CANCELLED", attemptCount: 2 });
      expect(await store.depth()).toBe(0);
    });

    test.each(["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"] as const)(
      "changes nothing of a job that is %s, and shows it",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        const { id } = await jobIn(store, worker, state);
        const [before, plain] = [await get(store, id), await get(store, id, noParts)];
        const result = await store.cancel(id, now);
        expect(result.kind).toBe("ended");
        expect(result.kind === "ended" && result.job).toEqual(plain);
        expect(await get(store, id)).toEqual(before);
        expect(await store.depth()).toBe(0);
      },
    );

    test("of a job with another revision changes nothing, and with the right one cancels", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "QUEUED");
      const before = await get(store, id);
      expect(await store.cancel(id, now, before.revision + 1)).toEqual({ kind: "changed" });
      expect(await get(store, id)).toEqual(before);
      expect(await store.cancel(id, now, before.revision)).toMatchObject({ kind: "cancelled" });
    });

    test("of a job that is not there says so", async () => {
      await using setting = await setUp(open);
      expect(await setting.store.cancel("nowhere", now)).toEqual({ kind: "not-found" });
    });

    test("keeps what was sent before it", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "RETRYING");
      const before = await get(store, id);
      await store.cancel(id, now);
      const { spec, attempts, lastError } = await get(store, id);
      expect({ spec, attempts, lastError }).toEqual({
        spec: before.spec,
        attempts: before.attempts,
        lastError: before.lastError,
      });
    });

    test("by many at the same time cancels once", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "QUEUED");
      const results = await Promise.all(Array.from({ length: 10 }, () => store.cancel(id, now)));
      expect(results.filter((result) => result.kind === "cancelled")).toHaveLength(1);
      expect(results.filter((result) => result.kind === "ended")).toHaveLength(9);
      expect(await store.depth()).toBe(0);
    });

    test("at the same time as a finish lets exactly one of them end the job", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      for (let round = 0; round < 20; round++) {
        const running = await jobIn(store, worker, "DISPATCHING");
        const [[finished], cancelled] = await Promise.all([
          store.finish(worker, [succeeded(running)]),
          store.cancel(running.id, now),
        ]);
        const { state } = await get(store, running.id);
        expect([finished, cancelled.kind, state]).toEqual(
          state === "SUCCEEDED" ? ["recorded", "ended", state] : ["recorded", "cancelled", "CANCELLED"],
        );
      }
      expect(await store.depth()).toBe(0);
    });

    test("at the same time as a claim either prevents the attempt or tells who makes it", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      for (let round = 0; round < 20; round++) {
        const { id } = await jobIn(store, worker, "QUEUED");
        const [{ jobs }, result] = await Promise.all([store.claim(worker, 1, now), store.cancel(id, now)]);
        expect(result).toMatchObject({
          kind: "cancelled",
          dispatching: jobs.length === 0 ? undefined : { worker, attempt: 1 },
        });
        expect((await get(store, id)).state).toBe("CANCELLED");
      }
    });
  });
}
