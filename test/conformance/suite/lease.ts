import { describe, expect, test } from "vitest";
import type { NewJob } from "../../../server/src/job/job.ts";
import { lostAttempt } from "../../../server/src/store/store.ts";
import {
  claimOne,
  get,
  idsOf,
  insert,
  jobIn,
  leaseMs,
  newJob,
  newJobs,
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

const nothing = { requeued: 0, failed: 0, held: 0 };

export function describeLease(open: OpenStore): void {
  describe("a worker", () => {
    test("gets a number that no other gets, however many register at the same time", async () => {
      await using setting = await setUp(open);
      const numbers = await Promise.all(
        Array.from({ length: 20 }, () => registerWorker(setting.store, "same name")),
      );
      expect(new Set(numbers).size).toBe(20);
    });

    test("is judged by its lease only as far as recover is told to", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      await claimOne(store, worker);
      const now = start + 10 * leaseMs;
      expect(await store.recover({ now, lost: [], leasesEndedBy: 0 })).toEqual({
        requeued: 0,
        failed: 0,
        held: 0,
      });
      expect(await store.renewLease(worker, start, leaseMs)).toBe(true);
      expect(await store.recover({ now, lost: [] })).toEqual({ requeued: 1, failed: 0, held: 0 });
    });

    test("gets a number that was not used by one that is gone", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const [released, lost] = [await registerWorker(store), await registerWorker(store)];
      await store.releaseWorker(released);
      await store.recover({ now: start, lost: ["worker-1"] });
      await store.recover({ now: start + 1e9, lost: [] });
      const next = await registerWorker(store, "worker-1", start + 1e9);
      expect([released, lost]).not.toContain(next);
    });

    test("keeps its jobs while it renews its lease", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      for (let now = start; now <= start + 5 * leaseMs; now += leaseMs / 2) {
        expect(await store.renewLease(worker, now, leaseMs)).toBe(true);
        expect(await store.recover({ now: now + leaseMs - 1, lost: [] })).toEqual(nothing);
      }
      expect(await store.finish(worker, [succeeded(running)])).toEqual(["recorded"]);
    });

    test("can renew a lease that has ended as long as nobody declared it lost", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await jobIn(store, worker, "DISPATCHING");
      expect(await store.renewLease(worker, start + 3 * leaseMs, leaseMs)).toBe(true);
      expect(await store.recover({ now: start + 4 * leaseMs - 1, lost: [] })).toEqual(nothing);
    });

    test("can not renew once it was declared lost, at its lease's end or before", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const [late, dead] = [
        await registerWorker(store),
        await registerWorker(store, "worker-2", start + 1e6),
      ];
      await insert(store, late, newJobs(2));
      await store.claim(late, 1, start);
      await store.claim(dead, 1, start);
      await store.recover({ now: start + leaseMs + 1, lost: ["worker-2"] });
      expect(await store.renewLease(late, start + leaseMs + 1, leaseMs)).toBe(false);
      expect(await store.renewLease(dead, start + leaseMs + 1, leaseMs)).toBe(false);
    });

    test("that had no job is declared lost all the same", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const [late, dead] = [
        await registerWorker(store),
        await registerWorker(store, "worker-2", start + 1e6),
      ];
      await store.recover({ now: start + leaseMs + 1, lost: ["worker-2"] });
      expect(await store.renewLease(late, start + leaseMs + 1, leaseMs)).toBe(false);
      expect(await store.renewLease(dead, start + leaseMs + 1, leaseMs)).toBe(false);
    });

    test("that was released has no lease to renew", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      await setting.store.releaseWorker(worker);
      expect(await setting.store.renewLease(worker, start + 1, leaseMs)).toBe(false);
    });

    test("that was never there has no lease to renew, and can be released", async () => {
      await using setting = await setUp(open);
      expect(await setting.store.renewLease(4711, start, leaseMs)).toBe(false);
      await setting.store.releaseWorker(4711);
    });

    test("that was lost or released gets no job stuck by claiming once more", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const [lost, released, other] = [
        await registerWorker(store),
        await registerWorker(store, "worker-2"),
        await registerWorker(store, "worker-3", start + leaseMs),
      ];
      await store.recover({ now: start, lost: ["worker-1"] });
      await store.releaseWorker(released);
      for (const [gone, name] of [
        [lost, "worker-1"],
        [released, "worker-2"],
      ] as const) {
        const batch = newJobs(4);
        await insert(store, gone, batch, { claimUpTo: 2 });
        const { jobs } = await store.claim(gone, 1, start);
        await store.recover({ now: start + 1, lost: [] });
        await store.recover({ now: start + 1, lost: [name] });
        const again = await store.claim(other, 10, start + 1);
        expect(idsOf(again.jobs).toSorted()).toEqual(idsOf(batch).toSorted());
        for (const job of jobs) expect(await store.finish(gone, [succeeded(job)])).toEqual(["stale"]);
      }
    });
  });

  describe("recover", () => {
    test("lets jobs of a worker whose lease has ended wait again, the attempt's outcome unknown", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store, "the lost one");
      await insert(store, worker, [newJob()]);
      const { id } = await claimOne(store, worker, start + 20);
      const now = start + leaseMs + 1;
      expect(await store.recover({ now, lost: [] })).toEqual({ requeued: 1, failed: 0, held: 0 });
      const record = await get(store, id);
      expect(record).toMatchObject({
        state: "RETRYING",
        attemptCount: 1,
        nextAttemptTime: now,
        finishTime: undefined,
        lastError: lostAttempt,
        response: undefined,
      });
      expect(record.attempts).toMatchObject([
        {
          number: 1,
          result: "outcome-unknown",
          endTime: now,
          httpStatus: 0,
          error: lostAttempt,
          worker: "the lost one",
        },
      ]);
      expect(record.attempts?.[0]?.startTime).toBeLessThanOrEqual(now);
      expect(record.attempts?.[0]?.startTime).toBeGreaterThanOrEqual(start);
      expect(await store.depth()).toBe(1);
    });

    test("does nothing before the lease has ended", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      const before = await get(store, running.id);
      expect(await store.recover({ now: start + leaseMs - 1, lost: [] })).toEqual(nothing);
      expect(await get(store, running.id)).toEqual(before);
    });

    test("takes the jobs of the workers that are named lost at once, and only theirs", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const workers: number[] = [];
      for (const name of ["a", "b", "c"]) workers.push(await registerWorker(store, name));
      const [a = 0, b = 0] = workers;
      await insert(store, a, newJobs(6));
      const held = [];
      for (const worker of workers) held.push((await store.claim(worker, 2, start)).jobs);
      expect(await store.recover({ now: start + 1, lost: ["a", "c"] })).toEqual({
        requeued: 4,
        failed: 0,
        held: 0,
      });
      expect(await Promise.all(held.map((jobs) => statesOf(store, jobs)))).toEqual([
        ["RETRYING", "RETRYING"],
        ["DISPATCHING", "DISPATCHING"],
        ["RETRYING", "RETRYING"],
      ]);
      expect(await store.renewLease(b, start + 1, leaseMs)).toBe(true);
    });

    test("takes the jobs of every worker that has a lost name, and of none if nobody has it", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const workers = [await registerWorker(store, "twin"), await registerWorker(store, "twin")];
      await insert(store, workers[0] ?? 0, newJobs(2));
      for (const worker of workers) await store.claim(worker, 1, start);
      expect(await store.recover({ now: start, lost: ["nobody", "Twin", "twi", "%", ""] })).toEqual(nothing);
      expect(await store.recover({ now: start, lost: ["nobody", "twin", "twin"] })).toEqual({
        requeued: 2,
        failed: 0,
        held: 0,
      });
    });

    test("gives the jobs back to be claimed with the next attempt's number", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const [lost, other] = [await registerWorker(store), await registerWorker(store, "worker-2")];
      const running = await jobIn(store, lost, "DISPATCHING");
      await store.recover({ now: start + 10, lost: ["worker-1"] });
      expect((await store.claim(other, 1, start + 9)).nextDueTime).toBe(start + 10);
      expect(await claimOne(store, other, start + 10)).toMatchObject({ id: running.id, attempt: 2 });
    });

    test("fails a job that has no attempt left", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ maxAttempts: 1 }), newJob({ maxAttempts: 2 })]);
      const { jobs } = await store.claim(worker, 2, start);
      expect(await store.recover({ now: start + 10, lost: ["worker-1"] })).toEqual({
        requeued: 1,
        failed: 1,
        held: 0,
      });
      const failed = jobs.find((job) => job.maxAttempts === 1);
      expect(await get(store, failed?.id ?? "")).toMatchObject({
        state: "FAILED",
        attemptCount: 1,
        nextAttemptTime: undefined,
        finishTime: start + 10,
        lastError: lostAttempt,
        attempts: [{ number: 1, result: "outcome-unknown", error: lostAttempt }],
      });
      expect(await store.depth()).toBe(1);
    });

    test("fails a job that is older than its retry policy lets it become, counted from the beginning of its run", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { retryPolicy } = newJob();
      const [old, young, again] = [5, 10, 5].map((maxAgeMs) =>
        newJob({ createTime: start, retryPolicy: { ...retryPolicy, maxAgeMs } }),
      ) as [NewJob, NewJob, NewJob];
      await insert(store, worker, [again]);
      await store.cancel(again.id, start + 1);
      await store.retry(again.id, start + 5);
      await insert(store, worker, [old, young]);
      expect((await store.claim(worker, 3, start + 5)).jobs).toHaveLength(3);
      expect(await store.recover({ now: start + 10, lost: ["worker-1"] })).toEqual({
        requeued: 2,
        failed: 1,
        held: 0,
      });
      expect(await statesOf(store, [old, young, again])).toEqual(["FAILED", "RETRYING", "RETRYING"]);
    });

    test("counts the attempts before the lost one, and keeps their response", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ maxAttempts: 2 })]);
      const first = await claimOne(store, worker);
      const unavailable = { httpStatus: 503, response: responseOf(503) };
      await store.finish(worker, [retriedAt(start, first, unavailable)]);
      await claimOne(store, worker, start + 1);
      expect(await store.recover({ now: start + 10, lost: ["worker-1"] })).toEqual({
        requeued: 0,
        failed: 1,
        held: 0,
      });
      const record = await get(store, first.id);
      expect(record.attempts).toMatchObject([
        { number: 1, httpStatus: 503 },
        { number: 2, error: lostAttempt },
      ]);
      expect(record.response?.status).toBe(503);
    });

    test("takes the jobs of a released worker at once", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      await store.releaseWorker(worker);
      expect(await store.recover({ now: start + 1, lost: [] })).toEqual({ requeued: 1, failed: 0, held: 0 });
      expect((await get(store, running.id)).state).toBe("RETRYING");
    });

    test.each([
      "SCHEDULED",
      "QUEUED",
      "RETRYING",
      "SUCCEEDED",
      "FAILED",
      "HELD",
      "CANCELLED",
      "EXPIRED",
    ] as const)("leaves a job alone that is %s", async (state) => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, state);
      const before = await get(store, id);
      expect(await store.recover({ now: start + 1e9, lost: ["worker-1"] })).toEqual(nothing);
      expect(await get(store, id)).toEqual(before);
    });

    test("records the lost attempt of a job that was cancelled while it was sent, and leaves it cancelled", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      await store.cancel(running.id, start + 1);
      const before = await get(store, running.id);
      expect(await store.isSending(running.key)).toBe(true);
      expect(await store.recover({ now: start + 1e9, lost: ["worker-1"] })).toEqual(nothing);
      expect(await store.isSending(running.key)).toBe(false);
      expect(await get(store, running.id)).toEqual({
        ...before,
        updateTime: start + 1e9,
        revision: expect.any(Number) as number,
        lastError: lostAttempt,
        attempts: [
          {
            number: 1,
            result: "outcome-unknown",
            dueTime: undefined,
            claimTime: start,
            startTime: start,
            endTime: start + 1e9,
            httpStatus: 0,
            error: lostAttempt,
            worker: "worker-1",
            passage: expect.anything() as unknown,
          },
        ],
      });
    });

    test("done twice does nothing the second time", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await jobIn(store, worker, "DISPATCHING");
      expect(await store.recover({ now: start + 1, lost: ["worker-1"] })).toEqual({
        requeued: 1,
        failed: 0,
        held: 0,
      });
      expect(await store.recover({ now: start + 1e6, lost: ["worker-1"] })).toEqual(nothing);
    });

    test("done by many at the same time takes each job once", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const batch = newJobs(30).map((job, index) => ({ ...job, maxAttempts: 1 + (index % 3) }));
      await insert(store, worker, batch);
      await store.claim(worker, 30, start);
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          store.recover({ now: start + leaseMs + 1, lost: index % 2 === 0 ? ["worker-1"] : [] }),
        ),
      );
      expect(sumOf(results)).toEqual({ requeued: 20, failed: 10, held: 0 });
      for (const { id } of batch) expect((await get(store, id)).attempts).toHaveLength(1);
    });

    test("at the same time as a finish lets exactly one of them have the attempt", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      for (let round = 0; round < 20; round++) {
        const worker = await registerWorker(store);
        const running = await jobIn(store, worker, "DISPATCHING");
        const [[result], recovered] = await Promise.all([
          store.finish(worker, [succeeded(running)]),
          store.recover({ now: start + 1, lost: ["worker-1"] }),
        ]);
        const record = await get(store, running.id);
        expect(record.attempts).toHaveLength(1);
        expect(record.state).toBe(result === "recorded" ? "SUCCEEDED" : "RETRYING");
        expect(recovered.requeued).toBe(result === "recorded" ? 0 : 1);
        await store.cancel(running.id, start + 2);
      }
    });
  });
}
