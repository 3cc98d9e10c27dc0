import { describe, expect, test } from "vitest";
import {
  get,
  insert,
  jobIn,
  newJob,
  noParts,
  registerWorker,
  setUp,
  start,
  succeeded,
  type OpenStore,
} from "./setting.ts";

const now = start + 300;

export function describeDelete(open: OpenStore): void {
  describe("delete", () => {
    test.each(["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"] as const)(
      "takes a job that is %s away, and leaves its id to another",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        const { id } = await jobIn(store, worker, state);
        const other = newJob();
        await insert(store, worker, [other]);
        expect(await store.delete(id, now)).toEqual({ kind: "deleted" });
        expect(await store.get(id, noParts)).toBeUndefined();
        const query = { limit: 10, maxBytes: 1e6, beforeKey: undefined, parts: noParts, filter: undefined };
        expect((await store.list(query)).jobs.map((job) => job.id)).toEqual([other.id]);
        expect(await store.depth()).toBe(1);
        await insert(store, worker, [newJob({ id })]);
        expect(await get(store, id)).toMatchObject({ attemptCount: 0, attempts: [], response: undefined });
      },
    );

    test.each(["SCHEDULED", "QUEUED", "DISPATCHING", "RETRYING", "HELD"] as const)(
      "leaves a job alone that is %s",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        const { id } = await jobIn(store, worker, state);
        const before = await get(store, id);
        expect(await store.delete(id, now)).toEqual({ kind: "not-ended", state });
        expect(await get(store, id)).toEqual(before);
      },
    );

    test("with a revision deletes that one only", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "SUCCEEDED");
      const { revision } = await get(store, id, noParts);
      expect(await store.delete(id, now, revision - 1)).toEqual({ kind: "changed" });
      expect(await store.delete(id, now, -1)).toEqual({ kind: "changed" });
      expect(await store.delete(id, now, revision)).toEqual({ kind: "deleted" });
      expect(await store.delete(id, now, revision)).toEqual({ kind: "not-found" });
    });

    test("makes what its worker still reports stale, also when the id has another job", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      await store.cancel(running.id, now);
      expect(await store.delete(running.id, now)).toEqual({ kind: "deleted" });
      await insert(store, worker, [newJob({ id: running.id })]);
      expect(await store.finish(worker, [succeeded(running)])).toEqual(["stale"]);
      expect(await get(store, running.id)).toMatchObject({ state: "QUEUED", attempts: [] });
      expect(await store.recover({ now, lost: [], leasesEndedBy: start + 1e9 })).toEqual({
        requeued: 0,
        failed: 0,
        held: 0,
      });
    });

    test("by many at the same time deletes once", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "FAILED");
      const results = await Promise.all(Array.from({ length: 10 }, () => store.delete(id, now)));
      expect(results.map(({ kind }) => kind).toSorted()).toEqual([
        "deleted",
        ...Array.from({ length: 9 }, () => "not-found"),
      ]);
    });
  });
}
