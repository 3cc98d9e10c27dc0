import { describe, expect, test } from "vitest";
import type { NewJob } from "../../../server/src/job/job.ts";
import {
  claimOne,
  get,
  insert,
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

const until = start + 60_000;

function jobFor(url: string, changes: Partial<NewJob> = {}): NewJob {
  const job = newJob(changes);
  return { ...job, request: { ...job.request, url } };
}

export function describeSlowDown(open: OpenStore): void {
  describe("a target that asks to be left alone", () => {
    async function slowedDown(setting: Awaited<ReturnType<typeof setUp>>) {
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [jobFor("http://slow.test/a")]);
      const running = await claimOne(store, worker);
      const slowDown = { origin: "http://slow.test", until };
      await store.finish(worker, [{ ...retriedAt(until, running), slowDown }]);
      return worker;
    }

    test("is, until then, whichever job it is, and others are not held up", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await slowedDown(setting);
      const others = [
        "http://slow.test:8080/",
        "https://slow.test/",
        "http://slow.test.org/",
        "http://quick.test/a",
      ];
      const slow = jobFor("http://slow.test/b?c", { priority: 9 });
      const batch = [slow, ...others.map((url) => jobFor(url))];
      await insert(store, worker, batch);
      const { jobs, nextDueTime } = await store.claim(worker, 10, start + 1);
      expect(jobs.map(({ request }) => request.url).toSorted()).toEqual(others.toSorted());
      expect(nextDueTime).toBe(until);
      expect(await get(store, slow.id, noParts)).toMatchObject({ state: "QUEUED", nextAttemptTime: until });
      expect((await store.claim(worker, 10, until - 1)).jobs).toEqual([]);
      const later = await store.claim(worker, 10, until);
      expect(later.jobs.map(({ id }) => id)).toContain(slow.id);
      expect(later.jobs).toHaveLength(2);
    });

    test("keeps no job beyond its expire_time that was not sent before", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await slowedDown(setting);
      const [early, late] = [until - 1000, until + 1000].map((expireTime) =>
        jobFor("http://slow.test/", { expireTime }),
      ) as [NewJob, NewJob];
      await insert(store, worker, [early, late]);
      expect((await store.claim(worker, 10, start + 1)).nextDueTime).toBe(until - 1000);
      expect((await store.claim(worker, 10, until - 1000)).jobs).toEqual([]);
      expect(await statesOf(store, [early, late])).toEqual(["EXPIRED", "QUEUED"]);
      const { jobs } = await store.claim(worker, 10, until);
      expect(jobs.map(({ id }) => id)).toContain(late.id);
    });

    test("is not called by an insert that carries its claim", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await slowedDown(setting);
      const batch = [jobFor("http://slow.test/b"), jobFor("http://quick.test/")];
      const results = await insert(store, worker, batch, { claimUpTo: 2, now: start + 1 });
      expect(results.map(({ claimed }) => claimed)).toEqual([false, true]);
    });

    test("is called again when the time is over, by an insert, too", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await slowedDown(setting);
      await store.claim(worker, 10, until);
      const [stored] = await insert(store, worker, [jobFor("http://slow.test/b")], {
        claimUpTo: 1,
        now: until,
      });
      expect(stored?.claimed).toBe(true);
    });

    test("keeps the later of two times", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await slowedDown(setting);
      const [running, job] = [jobFor("http://quick.test/"), jobFor("http://slow.test/b")];
      const [stored] = await insert(store, worker, [running], { claimUpTo: 1 });
      const sooner = { origin: "http://slow.test", until: start + 10 };
      await store.finish(worker, [
        { ...retriedAt(until, { key: stored!.key, attempt: 1 }), slowDown: sooner },
      ]);
      await insert(store, worker, [job]);
      expect((await store.claim(worker, 10, until - 1)).jobs).toEqual([]);
    });

    test("does not keep a crowd of its jobs before those of others, however many claims it takes", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await slowedDown(setting);
      const crowd = newJobs(2500).map((job) => ({
        ...job,
        request: { ...job.request, url: "http://slow.test/" },
      }));
      const other = jobFor("http://quick.test/");
      await insert(store, worker, [...crowd, other]);
      for (let claims = 0; claims < 4; claims++) await store.claim(worker, 1, start + 1);
      expect(await statesOf(store, [other])).toEqual(["DISPATCHING"]);
    });

    test("is known to all who have the store open, and after it was closed", async () => {
      await using setting = await setUp(open);
      const worker = await slowedDown(setting);
      const other = await setting.reopen();
      const job = jobFor("http://slow.test/b");
      await insert(other, worker, [job], { now: start + 1 });
      expect((await other.claim(worker, 10, start + 1)).jobs).toEqual([]);
      expect((await other.claim(worker, 10, until)).jobs).toHaveLength(2);
    });
  });
}
