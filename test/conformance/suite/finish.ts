import { describe, expect, test } from "vitest";
import {
  claimOne,
  endedAs,
  get,
  insert,
  jobIn,
  newJob,
  newJobs,
  noParts,
  refused,
  registerWorker,
  responseOf,
  retriedAt,
  setUp,
  start,
  succeeded,
  type OpenStore,
  type Running,
} from "./setting.ts";

export function describeFinish(open: OpenStore): void {
  describe("finish", () => {
    test("with SUCCEEDED ends the job, and its attempt and response can be read", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const claimed = await claimOne(store, worker);
      const finished = succeeded(claimed);
      expect(await store.finish(worker, [finished])).toEqual(["recorded"]);
      const record = await get(store, claimed.id);
      expect(record).toMatchObject({
        state: "SUCCEEDED",
        attemptCount: 1,
        nextAttemptTime: undefined,
        finishTime: finished.attempt.endTime,
        updateTime: finished.attempt.endTime,
        attempts: [finished.attempt],
        lastError: undefined,
      });
      expect(record.response).toMatchObject({ status: 200, truncated: false });
      expect(await store.depth()).toBe(0);
    });

    test("with RELEASED and a time gives the claim back, and the job is due then", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const claimed = await claimOne(store, worker);
      const nextAttemptTime = start + 5000;
      const next = { state: "RELEASED", nextAttemptTime } as const;
      await store.finish(worker, [{ ...endedAs("FAILED", claimed), next }]);
      expect(await get(store, claimed.id)).toMatchObject({
        state: "QUEUED",
        attemptCount: 0,
        nextAttemptTime,
      });
      expect(await store.claim(worker, 5, nextAttemptTime - 1)).toEqual({
        jobs: [],
        nextDueTime: nextAttemptTime,
      });
      expect((await store.claim(worker, 5, nextAttemptTime)).jobs).toMatchObject([{ attempt: 1 }]);
    });

    test("with RELEASED gives the claim back: the attempt is neither counted nor kept, and the job is due", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ maxAttempts: 1 })]);
      const claimed = await claimOne(store, worker);
      const released = { ...endedAs("FAILED", claimed), next: { state: "RELEASED" } as const };
      expect(await store.finish(worker, [released])).toEqual(["recorded"]);
      expect(await get(store, claimed.id)).toMatchObject({
        state: "QUEUED",
        attemptCount: 0,
        nextAttemptTime: released.attempt.endTime,
        finishTime: undefined,
        attempts: [],
      });
      expect(await store.depth()).toBe(1);
      expect(await store.finish(worker, [released])).toEqual(["stale"]);
      const { jobs } = await store.claim(worker, 1, released.attempt.endTime);
      expect(jobs).toMatchObject([{ id: claimed.id, attempt: 1 }]);
    });

    test("with FAILED ends the job with its last error", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const claimed = await claimOne(store, worker);
      const finished = endedAs("FAILED", claimed);
      expect(await store.finish(worker, [finished])).toEqual(["recorded"]);
      expect(await get(store, claimed.id)).toMatchObject({
        state: "FAILED",
        attemptCount: 1,
        nextAttemptTime: undefined,
        finishTime: finished.attempt.endTime,
        attempts: [finished.attempt],
        response: undefined,
        lastError: refused,
      });
      expect(await store.depth()).toBe(0);
    });

    test("with HELD keeps the job unfinished, waiting for nobody's clock", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const claimed = await claimOne(store, worker);
      const finished = endedAs("HELD", claimed, { result: "outcome-unknown" });
      expect(await store.finish(worker, [finished])).toEqual(["recorded"]);
      expect(await get(store, claimed.id)).toMatchObject({
        state: "HELD",
        attemptCount: 1,
        nextAttemptTime: undefined,
        finishTime: undefined,
        attempts: [finished.attempt],
        lastError: refused,
      });
      expect(await store.depth()).toBe(1);
    });

    test("with RETRYING lets the job wait for its next attempt", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const claimed = await claimOne(store, worker);
      const finished = retriedAt(start + 5000, claimed);
      expect(await store.finish(worker, [finished])).toEqual(["recorded"]);
      expect(await get(store, claimed.id)).toMatchObject({
        state: "RETRYING",
        attemptCount: 1,
        nextAttemptTime: start + 5000,
        finishTime: undefined,
        attempts: [finished.attempt],
        lastError: refused,
      });
      expect(await store.depth()).toBe(1);
    });

    test("keeps all attempts, oldest first, whoever made them", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const workers = [await registerWorker(store), await registerWorker(store, "worker-2")] as const;
      await insert(store, workers[0], [newJob({ maxAttempts: 20 })]);
      const made = [];
      let now = start;
      for (let number = 1; number <= 12; number++) {
        const worker = workers[number % 2 === 0 ? 0 : 1];
        const claimed = await claimOne(store, worker, now);
        expect(claimed.attempt).toBe(number);
        now += 1000;
        const times = { startTime: now - 900, endTime: now - 500, worker: `worker-${worker}` };
        const finished = retriedAt(now, claimed, { ...times, httpStatus: 500 + number });
        expect(await store.finish(worker, [finished])).toEqual(["recorded"]);
        made.push(finished.attempt);
      }
      const [{ id } = { id: "" }] = (await store.claim(workers[0], 1, now)).jobs;
      expect(await get(store, id)).toMatchObject({ attemptCount: 13, attempts: made, state: "DISPATCHING" });
    });

    test("keeps the response of the last attempt that got one", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ maxAttempts: 10 })]);
      const answers = [
        undefined,
        responseOf(500, "one"),
        undefined,
        responseOf(503, "two"),
        undefined,
        undefined,
      ];
      const statuses: (number | undefined)[] = [];
      for (const response of answers) {
        const claimed = await claimOne(store, worker, start + 1000);
        await store.finish(worker, [retriedAt(start, claimed, response === undefined ? {} : { response })]);
        statuses.push((await get(store, claimed.id)).response?.status);
      }
      expect(statuses).toEqual([undefined, 500, 500, 503, 503, 503]);
    });

    test("keeps that response however many attempts without one follow", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ maxAttempts: 1000 })]);
      for (let number = 1; number <= 110; number++) {
        const claimed = await claimOne(store, worker, start + 1);
        await store.finish(worker, [
          retriedAt(start, claimed, number === 1 ? { response: responseOf(503, "one") } : {}),
        ]);
      }
      const { jobs } = await store.claim(worker, 1, start + 1);
      const record = await get(store, jobs[0]?.id ?? "");
      expect(record).toMatchObject({ attemptCount: 111, lastError: refused });
      expect(record.response?.status).toBe(503);
    });

    test("forgets the last error when the last attempt succeeded, and shows it while the next one runs", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const first = await claimOne(store, worker);
      expect((await get(store, first.id)).lastError).toBeUndefined();
      await store.finish(worker, [retriedAt(start, first)]);
      const second = await claimOne(store, worker, start + 1);
      expect((await get(store, first.id)).lastError).toEqual(refused);
      await store.finish(worker, [succeeded(second)]);
      expect((await get(store, first.id)).lastError).toBeUndefined();
    });

    test("answers for each attempt, those of cancelled jobs among them, and a second time that it is stale", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, newJobs(6));
      const { jobs } = await store.claim(worker, 6, start);
      const cancelled = jobs.filter((_job, index) => index % 2 === 1);
      for (const { id } of cancelled) await store.cancel(id, start);
      const results = await store.finish(
        worker,
        jobs.map((job) => succeeded(job)),
      );
      expect(results.join(" ")).toBe("recorded recorded recorded recorded recorded recorded");
      const again = await store.finish(
        worker,
        jobs.map((job) => succeeded(job)),
      );
      expect(again.join(" ")).toBe("stale stale stale stale stale stale");
      expect(await store.depth()).toBe(0);
    });

    test("of nothing answers nothing", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      expect(await setting.store.finish(worker, [])).toEqual([]);
    });
  });

  describe("the finish of an attempt whose job was cancelled", () => {
    test.each([
      ["SUCCEEDED", (running: Running) => succeeded(running)],
      ["FAILED", (running: Running) => endedAs("FAILED", running)],
      ["HELD", (running: Running) => endedAs("HELD", running)],
      ["RETRYING", (running: Running) => retriedAt(start, running)],
      [
        "RELEASED",
        (running: Running) => ({ ...endedAs("FAILED", running), next: { state: "RELEASED" } }) as const,
      ],
    ] as const)("records how it ended, as %s, and changes nothing else", async (_, finishedOf) => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      await store.cancel(running.id, start);
      const before = await get(store, running.id);
      const finished = finishedOf(running);
      expect(await store.isSending(running.key)).toBe(true);
      expect(await store.finish(worker, [finished])).toEqual(["recorded"]);
      expect(await store.isSending(running.key)).toBe(false);
      const after = await get(store, running.id);
      expect(after).toEqual({
        ...before,
        updateTime: finished.attempt.endTime,
        revision: after.revision,
        attempts: [finished.attempt],
        response: finished.response,
        lastError: finished.attempt.error,
      });
      expect(after.revision).toBeGreaterThan(before.revision);
      expect(await store.depth()).toBe(0);
    });
  });

  describe("a stale finish", () => {
    test("of a job that was cancelled and whose attempt has ended changes nothing", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      await store.cancel(running.id, start);
      await store.finish(worker, [endedAs("FAILED", running)]);
      const before = await get(store, running.id);
      for (const finished of [succeeded(running), endedAs("HELD", running), retriedAt(start, running)]) {
        expect(await store.finish(worker, [finished])).toEqual(["stale"]);
      }
      expect(await get(store, running.id)).toEqual(before);
      expect(before).toMatchObject({ state: "CANCELLED", response: undefined });
      expect(await store.depth()).toBe(0);
    });

    test("of a job that was recovered changes nothing", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      await store.recover({ now: start + 50, lost: ["worker-1"] });
      const before = await get(store, running.id);
      expect(await store.finish(worker, [succeeded(running)])).toEqual(["stale"]);
      expect(await get(store, running.id)).toEqual(before);
      expect(before.attempts).toHaveLength(1);
    });

    test("of a job that was recovered and claimed by another touches neither attempt", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const [lost, other] = [await registerWorker(store), await registerWorker(store, "worker-2")];
      const running = await jobIn(store, lost, "DISPATCHING");
      await store.recover({ now: start + 50, lost: ["worker-1"] });
      const second = await claimOne(store, other, start + 50);
      const before = await get(store, running.id);
      expect(await store.finish(lost, [succeeded(running)])).toEqual(["stale"]);
      expect(await store.finish(lost, [succeeded({ ...running, attempt: 2 })])).toEqual(["stale"]);
      expect(await get(store, running.id)).toEqual(before);
      expect(await store.finish(other, [succeeded(second)])).toEqual(["recorded"]);
    });

    test("of another worker changes nothing", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const [worker, other] = [await registerWorker(store), await registerWorker(store, "worker-2")];
      const running = await jobIn(store, worker, "DISPATCHING");
      expect(await store.finish(other, [succeeded(running)])).toEqual(["stale"]);
      expect((await get(store, running.id, noParts)).state).toBe("DISPATCHING");
      expect(await store.finish(worker, [succeeded(running)])).toEqual(["recorded"]);
    });

    test.each([0, 1, 3])("with number %i of a job in attempt 2 changes nothing", async (attempt) => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      await store.finish(worker, [retriedAt(start, await claimOne(store, worker))]);
      const second = await claimOne(store, worker, start + 1);
      const before = await get(store, second.id);
      expect(await store.finish(worker, [succeeded({ ...second, attempt })])).toEqual(["stale"]);
      expect(await get(store, second.id)).toEqual(before);
      expect(await store.finish(worker, [succeeded(second)])).toEqual(["recorded"]);
    });

    test.each(["SUCCEEDED", "FAILED", "HELD", "RETRYING"] as const)(
      "of an attempt that has ended as %s changes nothing",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        const running = await jobIn(store, worker, state);
        const before = await get(store, running.id);
        for (const finished of [succeeded(running), retriedAt(start, running), endedAs("HELD", running)]) {
          expect(await store.finish(worker, [finished])).toEqual(["stale"]);
        }
        expect(await get(store, running.id)).toEqual(before);
      },
    );

    test("is the second of two in one call", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      const both = [endedAs("FAILED", running), succeeded(running)];
      expect(await store.finish(worker, both)).toEqual(["recorded", "stale"]);
      expect(await get(store, running.id)).toMatchObject({ state: "FAILED", attempts: [both[0]?.attempt] });
      expect(await store.depth()).toBe(0);
    });

    test("is one of a job that waits, has expired or was never there", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      for (const state of ["EXPIRED", "SCHEDULED", "QUEUED"] as const) {
        const { id, key } = await jobIn(store, worker, state);
        for (const attempt of [0, 1]) {
          expect(await store.finish(worker, [succeeded({ key, attempt })])).toEqual(["stale"]);
        }
        expect((await get(store, id)).state).toBe(state);
      }
      expect(await store.finish(worker, [succeeded({ key: 123_456_789, attempt: 1 })])).toEqual(["stale"]);
    });

    test("is all but one of many at the same time", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "DISPATCHING");
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          store.finish(worker, [index % 2 === 0 ? succeeded(running) : endedAs("FAILED", running)]),
        ),
      );
      expect(results.flat().filter((result) => result === "recorded")).toHaveLength(1);
      expect((await get(store, running.id)).attempts).toHaveLength(1);
      expect(await store.depth()).toBe(0);
    });
  });
}
