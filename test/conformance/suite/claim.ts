import { describe, expect, test } from "vitest";
import { expectSpec, rich } from "./round-trip.ts";
import {
  claimOne,
  endedAs,
  get,
  idsOf,
  insert,
  jobIn,
  newJob,
  newJobs,
  noParts,
  registerWorker,
  retriedAt,
  setUp,
  start,
  statesOf,
  type OpenStore,
} from "./setting.ts";

export function describeClaim(open: OpenStore): void {
  describe("claim", () => {
    test("tells how many more are due than it took, of all priorities", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [...newJobs(4), ...newJobs(3, { priority: 5 })]);
      await insert(store, worker, newJobs(2, { scheduleTime: start + 1 }));
      expect((await store.claim(worker, 2, start)).dueLeft).toBe(5);
      expect((await store.claim(worker, 5, start)).dueLeft).toBeUndefined();
      expect((await store.claim(worker, 1, start + 1)).dueLeft).toBe(1);
    });

    test("hands out the whole job, as it was stored", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = rich();
      const [stored] = await insert(store, worker, [job]);
      const claimed = await claimOne(store, worker);
      const { id, uid, queue, createTime } = job;
      expect(claimed).toMatchObject({ key: stored?.key, id, uid, queue, createTime, attempt: 1 });
      expectSpec(claimed, job);
    });

    test("begins an attempt on disk before it answers", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const { id } = await claimOne(store, worker, start + 5);
      expect(await get(store, id)).toMatchObject({
        state: "DISPATCHING",
        attemptCount: 1,
        nextAttemptTime: undefined,
        finishTime: undefined,
        attempts: [],
        updateTime: start + 5,
      });
    });

    test("of an empty store claims nothing and knows no next time", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      expect(await setting.store.claim(worker, 10, start)).toEqual({ jobs: [], nextDueTime: undefined });
    });

    test("does not claim a scheduled job before its time, and claims it at exactly it", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = newJob({ scheduleTime: start + 1000 });
      await insert(store, worker, [job]);
      for (const now of [start, start + 999]) {
        expect(await store.claim(worker, 1, now)).toEqual({ jobs: [], nextDueTime: start + 1000 });
      }
      expect(idsOf((await store.claim(worker, 1, start + 1000)).jobs)).toEqual([job.id]);
    });

    test("does not claim a retry before its time, and claims it at exactly it as attempt 2", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const first = await claimOne(store, worker);
      await store.finish(worker, [retriedAt(start + 1000, first)]);
      expect(await store.claim(worker, 1, start + 999)).toEqual({ jobs: [], nextDueTime: start + 1000 });
      const second = await claimOne(store, worker, start + 1000);
      expect(second).toMatchObject({ id: first.id, key: first.key, attempt: 2 });
      expect(await get(store, first.id, noParts)).toMatchObject({ state: "DISPATCHING", attemptCount: 2 });
    });

    test("takes the higher priority first, of the same priority the one that is due longest", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const now = start + 1000;
      const [low, lowOld, high, highOld, middle] = [
        newJob({ priority: 0, scheduleTime: start + 20 }),
        newJob({ priority: 0, scheduleTime: start + 10 }),
        newJob({ priority: 9, scheduleTime: start + 900 }),
        newJob({ priority: 9, scheduleTime: start + 30 }),
        newJob({ priority: 5, scheduleTime: start + 5 }),
      ];
      await insert(store, worker, [low, lowOld, high, highOld, middle]);
      const { jobs } = await store.claim(worker, 10, now);
      expect(idsOf(jobs)).toEqual(idsOf([highOld, high, middle, lowOld, low]));
    });

    test("takes retries into the same order", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = newJob({ priority: 3 });
      await insert(store, worker, [job]);
      await store.finish(worker, [retriedAt(start + 50, await claimOne(store, worker))]);
      const older = newJob({ priority: 3, scheduleTime: start + 40 });
      const newer = newJob({ priority: 3, scheduleTime: start + 60 });
      const lower = newJob({ priority: 2 });
      await insert(store, worker, [newer, lower, older]);
      const { jobs } = await store.claim(worker, 10, start + 100);
      expect(idsOf(jobs)).toEqual(idsOf([older, job, newer, lower]));
    });

    test("claims in that order over several calls", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const batch = Array.from({ length: 12 }, (_, index) =>
        newJob({ priority: (index * 7) % 4, scheduleTime: start + 1 + ((index * 5) % 12) }),
      );
      await insert(store, worker, batch);
      const claimed: string[] = [];
      for (let round = 0; round < 4; round++) {
        claimed.push(...idsOf((await store.claim(worker, 3, start + 100)).jobs));
      }
      const inOrder = batch.toSorted(
        (a, b) => b.priority - a.priority || (a.scheduleTime ?? 0) - (b.scheduleTime ?? 0),
      );
      expect(claimed).toEqual(idsOf(inOrder));
    });

    test("claims no more than the limit, and says that more are due", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, newJobs(5));
      const first = await store.claim(worker, 3, start);
      expect(first.jobs).toHaveLength(3);
      expect(first.nextDueTime).toBeLessThanOrEqual(start);
      const second = await store.claim(worker, 3, start);
      expect(second.jobs).toHaveLength(2);
      expect(second.nextDueTime).toBeUndefined();
    });

    test("knows no next time when it claimed exactly what there was", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, newJobs(3));
      const { jobs, nextDueTime } = await store.claim(worker, 3, start);
      expect(jobs).toHaveLength(3);
      expect(nextDueTime).toBeUndefined();
    });

    test("with limit 0 claims nothing, but tells when the next job is due", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ scheduleTime: start + 7 })]);
      expect(await store.claim(worker, 0, start)).toEqual({ jobs: [], nextDueTime: start + 7 });
    });

    test("tells the earliest of the times to come, whatever the priorities", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [
        newJob(),
        newJob({ scheduleTime: start + 500, priority: 9 }),
        newJob({ scheduleTime: start + 300 }),
        newJob({ scheduleTime: start + 400, priority: 5 }),
      ]);
      const { jobs, nextDueTime } = await store.claim(worker, 10, start);
      expect(jobs).toHaveLength(1);
      expect(nextDueTime).toBe(start + 300);
    });

    test.each(["DISPATCHING", "SUCCEEDED", "FAILED", "HELD", "CANCELLED", "EXPIRED"] as const)(
      "never claims a job that is %s, nor waits for it",
      async (state) => {
        await using setting = await setUp(open);
        const worker = await registerWorker(setting.store);
        await jobIn(setting.store, worker, state);
        const later = start + 3_600_000;
        expect(await setting.store.claim(worker, 10, later)).toEqual({ jobs: [], nextDueTime: undefined });
      },
    );

    test("claims jobs of every queue", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const batch = ["default", "mail", "Mail", "x"].map((queue) => newJob({ queue }));
      await insert(store, worker, batch);
      const { jobs } = await store.claim(worker, 10, start);
      expect(idsOf(jobs).toSorted()).toEqual(idsOf(batch).toSorted());
    });

    test("never gives the same job to two of many claims at the same time", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const workers = [await registerWorker(store), await registerWorker(store, "worker-2")];
      const batch = newJobs(200);
      await insert(store, workers[0] ?? 0, batch);
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          store.claim(workers[index % 2] ?? 0, 1 + (index % 7), start),
        ),
      );
      const claimed = results.flatMap((result) => idsOf(result.jobs));
      expect(claimed).toHaveLength(200);
      expect(claimed.toSorted()).toEqual(idsOf(batch).toSorted());
    });
  });

  describe("expiry", () => {
    test("ends a job whose time has passed before a first attempt", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = newJob({ expireTime: start + 1000 });
      await insert(store, worker, [job]);
      expect(await store.claim(worker, 10, start + 1001)).toEqual({ jobs: [], nextDueTime: undefined });
      const record = await get(store, job.id);
      expect(record).toMatchObject({ state: "EXPIRED", attemptCount: 0, nextAttemptTime: undefined });
      expect(record.finishTime).toBeDefined();
      expect(record.attempts).toEqual([]);
      expect(await store.depth()).toBe(0);
    });

    test("leaves a job alone whose time has not passed", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = newJob({ expireTime: start + 1000 });
      await insert(store, worker, [job]);
      expect((await claimOne(store, worker, start + 999)).id).toBe(job.id);
    });

    test("does not end a job of which an attempt runs or has run", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = newJob({ expireTime: start + 1000 });
      await insert(store, worker, [job]);
      const first = await claimOne(store, worker);
      expect((await store.claim(worker, 10, start + 5000)).jobs).toEqual([]);
      expect(await statesOf(store, [job])).toEqual(["DISPATCHING"]);
      await store.finish(worker, [retriedAt(start + 6000, first)]);
      expect((await claimOne(store, worker, start + 6000)).attempt).toBe(2);
    });

    test("does not end a job that came back from a lost worker", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const lost = await registerWorker(store);
      const worker = await registerWorker(store, "worker-2");
      await insert(store, lost, [newJob({ expireTime: start + 1000 })]);
      await claimOne(store, lost);
      await store.recover({ now: start + 5000, lost: ["worker-1"] });
      expect((await claimOne(store, worker, start + 5000)).attempt).toBe(2);
    });

    test("of many jobs does not keep the others from being claimed", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const good = newJobs(3);
      await insert(store, worker, [...newJobs(20, { priority: 9, expireTime: start + 1 }), ...good]);
      const claimed: string[] = [];
      // Bounded: each call either claims, or expires jobs and says that more are due.
      for (let call = 0; call < 30; call++) {
        const { jobs, nextDueTime } = await store.claim(worker, 3, start + 1000);
        claimed.push(...idsOf(jobs));
        if (nextDueTime === undefined) break;
      }
      expect(claimed.toSorted()).toEqual(idsOf(good).toSorted());
      expect(await store.depth()).toBe(3);
    });
  });

  test("a job that is held or failed can not be claimed even when it had attempts left", async () => {
    await using setting = await setUp(open);
    const { store } = setting;
    const worker = await registerWorker(store);
    await insert(store, worker, newJobs(2));
    const { jobs } = await store.claim(worker, 2, start);
    const [held, failed] = jobs;
    if (held === undefined || failed === undefined) throw new Error("claimed too few");
    await store.finish(worker, [endedAs("HELD", held), endedAs("FAILED", failed)]);
    expect((await store.claim(worker, 2, start + 1e9)).jobs).toEqual([]);
  });
}
