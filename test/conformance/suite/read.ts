/* oxlint-disable vitest/expect-expect -- expectSpec asserts */
import { describe, expect, test } from "vitest";
import type { JobRecord } from "../../../server/src/job/job.ts";
import type { JobPart, Store } from "../../../server/src/store/store.ts";
import { expectSpec, rich } from "./round-trip.ts";
import {
  allParts,
  claimOne,
  get,
  idsOf,
  insert,
  jobIn,
  leaseMs,
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
} from "./setting.ts";

const megabytes = 10_000_000;

function parts(...list: JobPart[]): ReadonlySet<JobPart> {
  return new Set(list);
}

/** A job with all parts: two attempts, the first with a response, the second failed. */
async function insertFull(store: Store, worker: number, job = rich()): Promise<string> {
  await insert(store, worker, [job]);
  const answered = { httpStatus: 503, response: responseOf(503, "later") };
  await store.finish(worker, [retriedAt(start, await claimOne(store, worker), answered)]);
  await store.finish(worker, [retriedAt(start + 1e9, await claimOne(store, worker, start + 1))]);
  return job.id;
}

function bare(record: JobRecord | undefined): Partial<JobRecord> {
  const { spec: _, attempts: __, response: ___, lastError: ____, ...rest } = record ?? ({} as JobRecord);
  return rest;
}

async function pagesOf(
  store: Store,
  limit: number,
  maxBytes: number,
  read = noParts,
): Promise<JobRecord[][]> {
  const pages: JobRecord[][] = [];
  let beforeKey: number | undefined;
  do {
    const page = await store.list({ limit, maxBytes, beforeKey, parts: read, filter: undefined });
    pages.push([...page.jobs]);
    beforeKey = page.nextBeforeKey;
  } while (beforeKey !== undefined);
  return pages;
}

export function describeRead(open: OpenStore): void {
  describe("get", () => {
    test("of a job that is not there gives nothing", async () => {
      await using setting = await setUp(open);
      expect(await setting.store.get("nowhere", allParts)).toBeUndefined();
      expect(await setting.store.get("", noParts)).toBeUndefined();
    });

    test.each<[what: string, asked: ReadonlySet<JobPart>, given: (keyof JobRecord)[]]>([
      ["no part", parts(), []],
      ["the spec", parts("spec"), ["spec"]],
      ["spec and body", parts("spec", "body"), ["spec"]],
      ["the attempts", parts("attempts"), ["attempts"]],
      ["the response", parts("response"), ["response"]],
      ["response and its body", parts("response", "response-body"), ["response"]],
      ["the last error", parts("last-error"), ["lastError"]],
      ["two of them", parts("spec", "attempts"), ["spec", "attempts"]],
      ["all", allParts, ["spec", "attempts", "response", "lastError"]],
    ])("asked for %s gives that, and the rest undefined", async (_what, asked, given) => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const id = await insertFull(setting.store, worker);
      const record = await get(setting.store, id, asked);
      for (const part of ["spec", "attempts", "response", "lastError"] as const) {
        expect([part, record[part] !== undefined]).toEqual([part, given.includes(part)]);
      }
      expect(bare(record)).toEqual(bare(await get(setting.store, id)));
    });

    test("gives the spec without its body as one with an empty body", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const job = rich();
      await insert(setting.store, worker, [job]);
      const without = { ...job, request: { ...job.request, body: new Uint8Array() } };
      expectSpec((await get(setting.store, job.id, parts("spec"))).spec, without);
      expectSpec((await get(setting.store, job.id, parts("spec", "body"))).spec, job);
    });

    test("gives the response without its body as one with an empty body", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const running = await jobIn(setting.store, worker, "DISPATCHING");
      const response = { ...responseOf(200, "long"), truncated: true };
      await setting.store.finish(worker, [succeeded(running, response)]);
      const { response: without } = await get(setting.store, running.id, parts("response"));
      expect({ ...without, body: without?.body.length }).toEqual({ ...response, body: 0 });
    });

    test("of a job that was never sent has no attempts, no response and no error", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const { id } = await jobIn(setting.store, worker, "QUEUED");
      expect(await get(setting.store, id)).toMatchObject({
        attempts: [],
        response: undefined,
        lastError: undefined,
      });
    });

    test("shows the last error without the attempts", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const id = await insertFull(setting.store, worker);
      expect(await get(setting.store, id, parts("last-error"))).toMatchObject({ lastError: refused });
    });
  });

  describe("list", () => {
    test("of an empty store is one empty page", async () => {
      await using setting = await setUp(open);
      const query = {
        limit: 10,
        maxBytes: megabytes,
        beforeKey: undefined,
        parts: noParts,
        filter: undefined,
      };
      expect(await setting.store.list(query)).toEqual({ jobs: [], nextBeforeKey: undefined });
    });

    test("gives the newest first, whatever their state, priority and time", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const ids: string[] = [];
      for (const state of ["EXPIRED", "SUCCEEDED", "DISPATCHING", "HELD", "RETRYING", "SCHEDULED"] as const) {
        ids.unshift((await jobIn(store, worker, state)).id);
      }
      for (const job of [newJob({ priority: 9 }), newJob({ createTime: start - 1e6 }), newJob()]) {
        await insert(store, worker, [job]);
        ids.unshift(job.id);
      }
      const [page = []] = await pagesOf(store, 100, megabytes);
      expect(idsOf(page)).toEqual(ids);
      for (const record of page) expect(bare(record)).toEqual(await getBare(store, record.id));
    });

    test.each([
      [1, [1, 1, 1, 1, 1, 1, 1]],
      [3, [3, 3, 1]],
      [6, [6, 1]],
      [7, [7]],
      [8, [7]],
    ])(
      "with limit %i gives seven jobs in pages of %j, and knows which one is the last",
      async (limit, sizes) => {
        await using setting = await setUp(open);
        const worker = await registerWorker(setting.store);
        for (const job of newJobs(7)) await insert(setting.store, worker, [job]);
        const pages = await pagesOf(setting.store, limit, megabytes);
        expect(pages.map((page) => page.length)).toEqual(sizes);
        const keys = pages.flat().map((record) => record.key);
        expect(keys).toEqual(keys.toSorted((a, b) => b - a));
        expect(new Set(keys).size).toBe(7);
      },
    );

    test("pages without gaps or repeats while jobs are inserted and change in between", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const there = newJobs(25);
      await insert(store, worker, there);
      const seen: string[] = [];
      let beforeKey: number | undefined;
      do {
        const page = await store.list({
          limit: 4,
          maxBytes: megabytes,
          beforeKey,
          parts: noParts,
          filter: undefined,
        });
        seen.push(...idsOf(page.jobs));
        beforeKey = page.nextBeforeKey;
        await insert(store, worker, newJobs(3));
        await store.claim(worker, 2, start);
        await store.cancel(there[seen.length % 25]?.id ?? "", start);
      } while (beforeKey !== undefined);
      expect(seen.toSorted()).toEqual(idsOf(there).toSorted());
    });

    test("ends a page at maxBytes, but gives at least one job", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const large = new Uint8Array(100_000).fill(7);
      const jobs = newJobs(10).map((job) => ({ ...job, request: { ...job.request, body: large } }));
      await insert(store, worker, jobs);
      const read = parts("spec", "body");
      const single = await pagesOf(store, 100, 1, read);
      expect(single.map((page) => page.length)).toEqual(Array(10).fill(1));
      const some = await pagesOf(store, 100, 350_000, read);
      for (const page of some.slice(0, -1)) {
        expect(page.length).toBeGreaterThanOrEqual(2);
        expect(page.length).toBeLessThanOrEqual(4);
      }
      for (const pages of [single, some]) {
        expect(idsOf(pages.flat()).toSorted()).toEqual(idsOf(jobs).toSorted());
        for (const record of pages.flat()) expect(record.spec?.request.body.length).toBe(100_000);
      }
    });

    test("ends a page at maxBytes for bodies of responses too", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, newJobs(4));
      const { jobs } = await store.claim(worker, 4, start);
      const response = responseOf(200, "x".repeat(60_000));
      await store.finish(
        worker,
        jobs.map((job) => succeeded(job, response)),
      );
      const pages = await pagesOf(store, 100, 1, parts("response", "response-body"));
      expect(pages.map((page) => page.length)).toEqual([1, 1, 1, 1]);
    });

    test("does not count bodies that were not asked for", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const large = new Uint8Array(100_000);
      const jobs = newJobs(8).map((job) => ({ ...job, request: { ...job.request, body: large } }));
      await insert(setting.store, worker, jobs);
      for (const read of [noParts, parts("spec")]) {
        const pages = await pagesOf(setting.store, 100, 100_000, read);
        expect(pages.map((page) => page.length)).toEqual([8]);
      }
    });

    test.each<[string, ReadonlySet<JobPart>]>([
      ["no part", parts()],
      ["the spec", parts("spec")],
      ["attempts and the last error", parts("attempts", "last-error")],
      ["the response", parts("response")],
      ["all", allParts],
    ])("asked for %s gives what get gives", async (_what, read) => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insertFull(store, worker);
      await insertFull(store, worker);
      await jobIn(store, worker, "SUCCEEDED");
      await jobIn(store, worker, "QUEUED");
      const [page = []] = await pagesOf(store, 100, megabytes, read);
      expect(page).toHaveLength(4);
      for (const record of page) expect(record).toEqual(await get(store, record.id, read));
    });

    test("from a key on gives only older jobs, also if that key is nobody's", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, newJobs(5));
      const query = { limit: 100, maxBytes: megabytes, parts: noParts, filter: undefined };
      const all = (await store.list({ ...query, beforeKey: undefined })).jobs;
      const newest = all[0]?.key ?? 0;
      expect((await store.list({ ...query, beforeKey: newest })).jobs).toEqual(all.slice(1));
      expect((await store.list({ ...query, beforeKey: newest + 1000 })).jobs).toEqual(all);
      expect((await store.list({ ...query, beforeKey: 0 })).jobs).toEqual([]);
    });
  });

  describe("depth", () => {
    test.each([
      ["SCHEDULED", 1],
      ["QUEUED", 1],
      ["DISPATCHING", 1],
      ["RETRYING", 1],
      ["HELD", 1],
      ["SUCCEEDED", 0],
      ["FAILED", 0],
      ["CANCELLED", 0],
      ["EXPIRED", 0],
    ] as const)("with a job that is %s is %i", async (state, depth) => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      expect(await setting.store.depth()).toBe(0);
      await jobIn(setting.store, worker, state);
      expect(await setting.store.depth()).toBe(depth);
    });

    test("follows every kind of end", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const last = newJob({ expireTime: start + 1 });
      await insert(store, worker, [last, ...newJobs(7, { priority: 1, maxAttempts: 1 })]);
      const depths = [await store.depth()];
      const [done, cancelled] = (await store.claim(worker, 7, start)).jobs;
      if (done === undefined || cancelled === undefined) throw new Error("claimed too few");
      await store.finish(worker, [succeeded(done), succeeded(done)]);
      depths.push(await store.depth());
      for (let times = 0; times < 2; times++) await store.cancel(cancelled.id, start);
      depths.push(await store.depth());
      await store.recover({ now: start + leaseMs + 1, lost: [] });
      depths.push(await store.depth());
      const other = await registerWorker(store, "worker-2", start + leaseMs);
      await store.claim(other, 10, start + leaseMs + 1);
      depths.push(await store.depth());
      expect(depths).toEqual([8, 7, 6, 1, 0]);
    });
  });

  describe("revision", () => {
    test("grows with every change of a job, above all that was there before", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      let highest = 0;
      const expectHigher = async (id: string) => {
        const { revision } = await get(store, id, noParts);
        expect(revision).toBeGreaterThan(highest);
        highest = revision;
      };
      const job = newJob({ maxAttempts: 5 });
      const bystander = newJob({ scheduleTime: start + 1e9 });
      await insert(store, worker, [bystander]);
      await expectHigher(bystander.id);
      await insert(store, worker, [job]);
      await expectHigher(job.id);
      const first = await claimOne(store, worker);
      await expectHigher(job.id);
      await store.finish(worker, [retriedAt(start, first)]);
      await expectHigher(job.id);
      await claimOne(store, worker, start + 1);
      await expectHigher(job.id);
      await store.recover({ now: start + 2, lost: ["worker-1"] });
      await expectHigher(job.id);
      const other = await registerWorker(store, "worker-2");
      const third = await claimOne(store, other, start + 2);
      await expectHigher(job.id);
      await store.finish(other, [retriedAt(start + 1e9, third)]);
      await expectHigher(job.id);
      await store.cancel(job.id, start + 3);
      await expectHigher(job.id);
      const expiring = newJob({ expireTime: start + 10 });
      await insert(store, other, [expiring]);
      await expectHigher(expiring.id);
      await store.claim(other, 1, start + 100);
      await expectHigher(expiring.id);
      await insert(store, other, [newJob({ id: "last" })], { claimUpTo: 1 });
      await expectHigher("last");
    });

    test("stays when nothing changes", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const running = await jobIn(store, worker, "SUCCEEDED");
      const { revision } = await get(store, running.id);
      await store.finish(worker, [succeeded(running)]);
      await store.cancel(running.id, start);
      await store.claim(worker, 1, start);
      await store.renewLease(worker, start, leaseMs);
      await store.recover({ now: start, lost: ["worker-1"] });
      await store.insert(worker, [newJob({ id: running.id })], start, { claimUpTo: 1 });
      expect((await get(store, running.id)).revision).toBe(revision);
    });

    test("of what is stored later is higher, and two jobs that change apart never share one", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const revisions: number[] = [];
      for (let round = 0; round < 10; round++) {
        const groups = await Promise.all([1, 2, 3].map(async () => insert(store, worker, [newJob()])));
        const ofRound = groups.flat().map((stored) => stored.revision);
        expect(new Set(ofRound).size).toBe(3);
        expect(Math.min(...ofRound)).toBeGreaterThan(Math.max(0, ...revisions));
        revisions.push(...ofRound);
      }
    });
  });
}

async function getBare(store: Store, id: string): Promise<Partial<JobRecord>> {
  return bare(await get(store, id, noParts));
}
