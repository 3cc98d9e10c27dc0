import { describe, expect, test } from "vitest";
import {
  claimOne,
  get,
  idsOf,
  insert,
  jobIn,
  leaseMs,
  newJob,
  newJobs,
  noParts,
  registerWorker,
  retriedAt,
  setUp,
  start,
  statesOf,
  succeeded,
  type OpenStore,
} from "./setting.ts";

export function describeInsert(open: OpenStore): void {
  describe("insert", () => {
    test("stores a job so that it can be read at once", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const job = newJob();
      const [stored] = await insert(setting.store, worker, [job]);
      expect(stored).toMatchObject({ kind: "stored", state: "QUEUED", claimed: false });
      expect(await get(setting.store, job.id, noParts)).toMatchObject({
        key: stored?.key,
        revision: stored?.revision,
        id: job.id,
        uid: job.uid,
        state: "QUEUED",
        attemptCount: 0,
        nextAttemptTime: start,
        finishTime: undefined,
      });
    });

    test("answers for each job of a batch, in their order, with keys that differ", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const jobs = newJobs(50).map((job, index) => ({ ...job, scheduleTime: start + (index % 3) - 1 }));
      const results = await insert(setting.store, worker, jobs);
      expect(new Set(results.map((result) => result.key)).size).toBe(50);
      for (const [index, job] of jobs.entries()) {
        const { key, state, revision } = await get(setting.store, job.id, noParts);
        expect(results[index]).toEqual({ kind: "stored", key, state, revision, claimed: false });
      }
    });

    test("of a thousand jobs stores and claims each once, or nothing of them", async () => {
      await using setting = await setUp(open, 1500);
      const { store } = setting;
      const worker = await registerWorker(store);
      const jobs = newJobs(1000);
      await insert(store, worker, jobs);
      expect(await store.depth()).toBe(1000);
      const refused = [...newJobs(300), jobs[500]!];
      expect(await store.insert(worker, refused, start, { claimUpTo: 0 })).toEqual([
        { kind: "id-taken", id: jobs[500]!.id },
      ]);
      expect(await store.insert(worker, newJobs(501), start, { claimUpTo: 0 })).toEqual([
        { kind: "full", depth: 1000, limit: 1500 },
      ]);
      expect(await store.get(refused[0]!.id, noParts)).toBeUndefined();
      expect(await store.depth()).toBe(1000);
      const claimed: string[] = [];
      for (let next: number | undefined = start; next !== undefined;) {
        const claim = await store.claim(worker, 300, start);
        claimed.push(...claim.jobs.map(({ id }) => id));
        next = claim.nextDueTime;
      }
      expect(claimed.toSorted()).toEqual(idsOf(jobs).toSorted());
      expect(await store.insert(worker, refused.slice(0, 300), start, { claimUpTo: 0 })).toHaveLength(300);
    });

    test("of nothing does nothing", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      expect(await setting.store.insert(worker, [], start, { claimUpTo: 1 })).toEqual([]);
      expect(await setting.store.depth()).toBe(0);
    });

    test.each([
      ["no schedule time", undefined, "QUEUED"],
      ["a schedule time in the past", start - 1, "QUEUED"],
      ["now as schedule time", start, "QUEUED"],
      ["a later schedule time", start + 1, "SCHEDULED"],
    ])("with %s gives the right state", async (_what, scheduleTime, state) => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const job = newJob({ scheduleTime });
      const [stored] = await insert(setting.store, worker, [job]);
      expect(stored?.state).toBe(state);
      const record = await get(setting.store, job.id, noParts);
      expect(record).toMatchObject({ state, scheduleTime });
      // When a job is due whose time lies in the past is the store's affair, as long as it is due.
      const { nextAttemptTime = Number.NaN } = record;
      expect(state === "SCHEDULED" ? nextAttemptTime === scheduleTime : nextAttemptTime <= start).toBe(true);
    });

    test("stores nothing of a batch with a taken id in its middle, and names the id", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const taken = newJob();
      await insert(store, worker, [taken]);
      const [before, after] = [newJob(), newJob()];
      const batch = [before, newJob({ id: taken.id, priority: 9 }), after];
      expect(await store.insert(worker, batch, start, { claimUpTo: 3 })).toEqual([
        { kind: "id-taken", id: taken.id },
      ]);
      expect(await store.depth()).toBe(1);
      expect(await store.get(before.id, noParts)).toBeUndefined();
      expect(await store.get(after.id, noParts)).toBeUndefined();
      expect((await get(store, taken.id)).uid).toBe(taken.uid);
      expect((await get(store, taken.id)).priority).toBe(0);
    });

    test("stores nothing of a batch that has an id twice, and names the id", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const twice = newJob();
      const batch = [newJob(), twice, newJob(), newJob({ id: twice.id })];
      expect(await store.insert(worker, batch, start, { claimUpTo: 0 })).toEqual([
        { kind: "id-taken", id: twice.id },
      ]);
      expect(await store.depth()).toBe(0);
      for (const { id } of batch) expect(await store.get(id, noParts)).toBeUndefined();
    });

    test("takes the ids of a refused batch later", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const [one, two] = [newJob(), newJob()];
      await store.insert(worker, [one, two, two], start, { claimUpTo: 0 });
      await insert(store, worker, [one, two]);
      expect(await store.depth()).toBe(2);
    });

    test.each(["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "HELD"] as const)(
      "refuses the id of a job that is %s",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        const { id } = await jobIn(store, worker, state);
        expect(await store.insert(worker, [newJob({ id })], start, { claimUpTo: 0 })).toEqual([
          { kind: "id-taken", id },
        ]);
      },
    );

    test("tells ids apart by case and by every character", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const ids = ["a", "A", "a-", "a_", "a".repeat(128), "0", "00", "__proto__", "constructor"];
      const batch = ids.map((id) => newJob({ id }));
      await insert(store, worker, batch);
      for (const job of batch) expect((await get(store, job.id)).uid).toBe(job.uid);
    });

    test("stores an id once when many calls bring it at the same time", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const jobs = Array.from({ length: 20 }, () => newJob({ id: "contested" }));
      const results = await Promise.all(
        jobs.map((job) => store.insert(worker, [job], start, { claimUpTo: 0 })),
      );
      const kinds = results.map(([result]) => result?.kind);
      expect(kinds.filter((kind) => kind === "stored")).toHaveLength(1);
      expect(kinds.filter((kind) => kind === "id-taken")).toHaveLength(19);
      expect((await get(store, "contested")).uid).toBe(jobs[kinds.indexOf("stored")]?.uid);
      expect(await store.depth()).toBe(1);
    });

    test("leaves the caller's bodies as they were", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const body = new Uint8Array([1, 2, 3]);
      const job = newJob();
      await insert(setting.store, worker, [{ ...job, request: { ...job.request, body } }]);
      expect([...body]).toEqual([1, 2, 3]);
    });
  });

  describe("the depth limit", () => {
    test("lets the store become exactly full, then tells depth and limit and stores nothing", async () => {
      await using setting = await setUp(open, 3);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, newJobs(3));
      const refused = newJob();
      expect(await store.insert(worker, [refused], start, { claimUpTo: 1 })).toEqual([
        { kind: "full", depth: 3, limit: 3 },
      ]);
      expect(await store.get(refused.id, noParts)).toBeUndefined();
      expect(await store.depth()).toBe(3);
    });

    test("refuses a batch that would pass it whole", async () => {
      await using setting = await setUp(open, 5);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, newJobs(3));
      const batch = newJobs(3);
      expect(await store.insert(worker, batch, start, { claimUpTo: 0 })).toEqual([
        { kind: "full", depth: 3, limit: 5 },
      ]);
      for (const { id } of batch) expect(await store.get(id, noParts)).toBeUndefined();
      await insert(store, worker, newJobs(2));
      expect(await store.depth()).toBe(5);
    });

    test.each(["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"] as const)(
      "does not count a job that is %s",
      async (state) => {
        await using setting = await setUp(open, 1);
        const worker = await registerWorker(setting.store);
        await jobIn(setting.store, worker, state);
        await insert(setting.store, worker, [newJob()]);
        expect(await setting.store.depth()).toBe(1);
      },
    );

    test.each(["SCHEDULED", "QUEUED", "DISPATCHING", "RETRYING", "HELD"] as const)(
      "counts a job that is %s",
      async (state) => {
        await using setting = await setUp(open, 1);
        const { store } = setting;
        const worker = await registerWorker(store);
        await jobIn(store, worker, state);
        expect(await store.insert(worker, [newJob()], start, { claimUpTo: 0 })).toEqual([
          { kind: "full", depth: 1, limit: 1 },
        ]);
      },
    );

    test("holds when many calls insert at the same time", async () => {
      await using setting = await setUp(open, 10);
      const { store } = setting;
      const worker = await registerWorker(store);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store.insert(worker, newJobs(1 + (index % 2)), start, { claimUpTo: 0 }),
        ),
      );
      const stored = results.flat().filter((result) => result.kind === "stored");
      expect(stored.length).toBeGreaterThanOrEqual(9);
      expect(stored.length).toBeLessThanOrEqual(10);
      expect(await store.depth()).toBe(stored.length);
    });
  });

  describe("an insert that carries the claim", () => {
    test("begins attempt 1 for this worker", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = newJob();
      const [stored] = await insert(store, worker, [job], { claimUpTo: 1 });
      expect(stored).toMatchObject({ state: "DISPATCHING", claimed: true });
      expect(await get(store, job.id)).toMatchObject({
        state: "DISPATCHING",
        attemptCount: 1,
        nextAttemptTime: undefined,
        revision: stored?.revision,
      });
      expect((await store.claim(worker, 10, start)).jobs).toEqual([]);
      expect(await store.finish(worker, [succeeded({ key: stored?.key ?? 0, attempt: 1 })])).toEqual([
        "recorded",
      ]);
    });

    test("claims no more than it may, and the rest waits", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const results = await insert(store, worker, newJobs(5), { claimUpTo: 2 });
      expect(results.filter((result) => result.claimed)).toHaveLength(2);
      for (const { claimed, state } of results) expect(state).toBe(claimed ? "DISPATCHING" : "QUEUED");
      expect((await store.claim(worker, 10, start)).jobs).toHaveLength(3);
    });

    test("claims nothing when it may claim none", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const [stored] = await insert(setting.store, worker, [newJob()], { claimUpTo: 0 });
      expect(stored).toMatchObject({ state: "QUEUED", claimed: false });
    });

    test("claims only the jobs of a batch that are due at once", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const batch = [newJob({ scheduleTime: start + 1 }), newJob(), newJob({ scheduleTime: start + 9 })];
      const results = await insert(setting.store, worker, batch, { claimUpTo: 3 });
      expect(results.map((result) => result.claimed)).toEqual([false, true, false]);
      expect(await statesOf(setting.store, batch)).toEqual(["SCHEDULED", "DISPATCHING", "SCHEDULED"]);
    });

    test("claims a job whose schedule time has come", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const batch = [newJob({ scheduleTime: start }), newJob({ scheduleTime: start - 5 })];
      const results = await insert(setting.store, worker, batch, { claimUpTo: 2 });
      expect(results.map((result) => result.claimed)).toEqual([true, true]);
    });

    test("does not claim a job that has expired already", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = newJob({ expireTime: start - 1 });
      const [stored] = await insert(store, worker, [job], { claimUpTo: 1 });
      expect(stored?.claimed).toBe(false);
      expect((await store.claim(worker, 1, start)).jobs).toEqual([]);
      expect(await statesOf(store, [job])).toEqual(["EXPIRED"]);
    });

    test("claims nothing while another due job waits", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const waits = newJob({ queue: "other" });
      await insert(store, worker, [waits]);
      const [stored] = await insert(store, worker, [newJob({ priority: 9 })], { claimUpTo: 1 });
      expect(stored).toMatchObject({ state: "QUEUED", claimed: false });
      expect(await statesOf(store, [waits])).toEqual(["QUEUED"]);
    });

    test("claims nothing while a scheduled job waits whose time has come", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob({ scheduleTime: start + 1000 })]);
      const due = { claimUpTo: 1, now: start + 1000 };
      const [stored] = await insert(store, worker, [newJob({ createTime: start + 1000 })], due);
      expect(stored?.claimed).toBe(false);
    });

    test("claims nothing while a retry is due", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const claimed = await claimOne(store, worker);
      await store.finish(worker, [retriedAt(start + 1000, claimed)]);
      const due = { claimUpTo: 1, now: start + 1000 };
      const [stored] = await insert(store, worker, [newJob({ createTime: start + 1000 })], due);
      expect(stored?.claimed).toBe(false);
    });

    test("claims although jobs are scheduled for later, running, held or ended", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      for (const state of ["DISPATCHING", "SCHEDULED", "RETRYING", "HELD", "FAILED"] as const) {
        await jobIn(store, worker, state);
      }
      const [stored] = await insert(store, worker, [newJob()], { claimUpTo: 1 });
      expect(stored?.claimed).toBe(true);
    });

    test("is lost with its worker, so that recover brings the job back", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = newJob();
      await insert(store, worker, [job], { claimUpTo: 1 });
      const other = await registerWorker(store, "worker-2", start + leaseMs);
      expect(await store.recover({ now: start + leaseMs + 1, lost: [] })).toEqual({
        requeued: 1,
        failed: 0,
        held: 0,
      });
      const { jobs } = await store.claim(other, 1, start + leaseMs + 1);
      expect(jobs).toMatchObject([{ id: job.id, attempt: 2 }]);
    });

    test("never leads to two workers with the same job", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const workers = [await registerWorker(store), await registerWorker(store, "worker-2")];
      const begun: string[] = [];
      await Promise.all(
        Array.from({ length: 60 }, async (_, index) => {
          const worker = workers[index % 2] ?? 0;
          if (index % 3 === 2) return void begun.push(...idsOf((await store.claim(worker, 2, start)).jobs));
          const batch = newJobs(2);
          const results = await insert(store, worker, batch, { claimUpTo: 1 });
          begun.push(...idsOf(batch.filter((_job, place) => results[place]?.claimed)));
          return undefined;
        }),
      );
      begun.push(...idsOf((await store.claim(workers[0] ?? 0, 100, start)).jobs));
      expect(begun).toHaveLength(80);
      expect(new Set(begun).size).toBe(80);
    });
  });
}
