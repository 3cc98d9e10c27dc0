import { describe, expect, test } from "vitest";
import { lostAttempt } from "../../../server/src/store/store.ts";
import {
  claimOne,
  endedAs,
  get,
  insert,
  leaseMs,
  newJob,
  registerWorker,
  setUp,
  start,
  type OpenStore,
} from "./setting.ts";

const lost = { now: start + leaseMs, lost: ["worker-1"] };

export function describeAmbiguity(open: OpenStore): void {
  describe.each(["fail", "hold"] as const)("a job whose ambiguity policy is %s", (ambiguityPolicy) => {
    const end = { fail: "FAILED", hold: "HELD" } as const;
    const ended = end[ambiguityPolicy];

    test("is never claimed by its insert", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const [stored] = await insert(store, worker, [newJob({ ambiguityPolicy })], { claimUpTo: 1 });
      expect(stored).toMatchObject({ state: "QUEUED", claimed: false });
      expect((await claimOne(store, worker)).ambiguityPolicy).toBe(ambiguityPolicy);
    });

    test(`is ${ended} when its worker is lost after it began`, async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ ambiguityPolicy })]);
      const { id, key } = await claimOne(store, worker);
      expect(await store.begin(worker, key, 1)).toBe("recorded");
      const counts = { requeued: 0, failed: 0, held: 0, [ended.toLowerCase()]: 1 };
      expect(await store.recover(lost)).toEqual(counts);
      expect(await get(store, id)).toMatchObject({
        state: ended,
        attempts: [{ number: 1, result: "outcome-unknown", error: lostAttempt }],
        lastError: lostAttempt,
        nextAttemptTime: undefined,
        finishTime: ended === "HELD" ? undefined : lost.now,
      });
      expect(await store.depth()).toBe(ended === "HELD" ? 1 : 0);
      const other = await registerWorker(store, "worker-2");
      expect(await store.claim(other, 10, start + 1e9)).toEqual({ jobs: [], nextDueTime: undefined });
    });

    test("waits again, uncounted, when its worker is lost before it began", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ ambiguityPolicy, maxAttempts: 1 })]);
      const { id } = await claimOne(store, worker);
      expect(await store.recover(lost)).toEqual({ requeued: 1, failed: 0, held: 0 });
      expect(await get(store, id)).toMatchObject({ state: "QUEUED", attemptCount: 0, attempts: [] });
      const other = await registerWorker(store, "worker-2");
      const again = await claimOne(store, other, lost.now);
      expect(again).toMatchObject({ id, attempt: 1 });
      // That an earlier attempt of this number had begun, had it, says nothing of this one.
      expect(await store.begin(worker, again.key, 1)).toBe("stale");
      expect(await store.begin(other, again.key, 1)).toBe("recorded");
    });

    test("is given back by a worker that stops before it began", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ ambiguityPolicy })]);
      const running = await claimOne(store, worker);
      const released = { ...endedAs("FAILED", running), next: { state: "RELEASED" } } as const;
      expect(await store.finish(worker, [released])).toEqual(["recorded"]);
      expect(await get(store, running.id)).toMatchObject({ state: "QUEUED", attemptCount: 0 });
    });

    test("waits again, uncounted, when it is given back after it began and lost before it began anew", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ ambiguityPolicy, maxAttempts: 1 })]);
      const running = await claimOne(store, worker);
      expect(await store.begin(worker, running.key, 1)).toBe("recorded");
      const released = { ...endedAs("FAILED", running), next: { state: "RELEASED" } } as const;
      expect(await store.finish(worker, [released])).toEqual(["recorded"]);
      expect(await claimOne(store, worker, lost.now - 1)).toMatchObject({ id: running.id, attempt: 1 });
      expect(await store.recover(lost)).toEqual({ requeued: 1, failed: 0, held: 0 });
      expect(await get(store, running.id)).toMatchObject({ state: "QUEUED", attemptCount: 0, attempts: [] });
    });

    test("does not begin once it was cancelled, or in another attempt", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ ambiguityPolicy })]);
      const { id, key } = await claimOne(store, worker);
      expect(await store.begin(worker, key, 2)).toBe("stale");
      expect(await store.begin(worker + 1, key, 1)).toBe("stale");
      await store.cancel(id, start);
      expect(await store.begin(worker, key, 1)).toBe("stale");
    });
  });
}
