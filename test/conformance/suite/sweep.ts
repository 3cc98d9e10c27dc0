import { describe, expect, test } from "vitest";
import type { NewJob } from "../../../server/src/job/job.ts";
import type { Store, SweepOptions } from "../../../server/src/store/store.ts";
import {
  bytes,
  get,
  insert,
  jobIn,
  newJob,
  newJobs,
  noParts,
  registerWorker,
  setUp,
  start,
  succeeded,
  type OpenStore,
} from "./setting.ts";

const day = 24 * 3_600_000;
/** Takes nothing away. */
const keepAll: SweepOptions = {
  now: start,
  endedBefore: 0,
  maxEnded: 1e9,
  respondedBefore: 0,
  limit: 1000,
};

/** A job that has SUCCEEDED at this time. */
async function endedAt(
  store: Store,
  worker: number,
  time: number,
  changes: Partial<NewJob> = {},
): Promise<string> {
  const job = newJob(changes);
  const [stored] = await insert(store, worker, [job], { claimUpTo: 1 });
  const finished = succeeded({ key: stored!.key, attempt: 1 });
  await store.finish(worker, [{ ...finished, attempt: { ...finished.attempt, endTime: time } }]);
  return job.id;
}

async function left(store: Store, ids: readonly string[]): Promise<string[]> {
  const found = await Promise.all(ids.map((id) => store.get(id, noParts)));
  return ids.filter((_, index) => found[index] !== undefined);
}

export function describeSweep(open: OpenStore): void {
  describe("sweep", () => {
    test("deletes the jobs that ended long enough ago, whatever their end, and no other", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const gone: string[] = [];
      for (const state of ["SUCCEEDED", "FAILED", "CANCELLED"] as const) {
        gone.push((await jobIn(store, worker, state)).id);
      }
      const kept = [await endedAt(store, worker, start + day)];
      for (const state of ["SCHEDULED", "DISPATCHING", "RETRYING", "HELD", "QUEUED"] as const) {
        kept.push((await jobIn(store, worker, state)).id);
      }
      const depth = await store.depth();
      const endedBefore = start + day;
      expect(await store.sweep({ ...keepAll, endedBefore })).toEqual({ jobs: 3, more: false });
      expect(await left(store, [...kept, ...gone])).toEqual(kept);
      expect(await store.depth()).toBe(depth);
      expect(await store.sweep({ ...keepAll, endedBefore })).toEqual({ jobs: 0, more: false });
    });

    test("keeps a job as long as it says itself, be it shorter or longer", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const short = await endedAt(store, worker, start, { retentionMs: 1000 });
      const long = await endedAt(store, worker, start, { retentionMs: 9 * day });
      const usual = await endedAt(store, worker, start);
      expect((await get(store, short)).retentionMs).toBe(1000);
      await store.sweep({ ...keepAll, now: start + 1000 });
      expect(await left(store, [short, long, usual])).toEqual([short, long, usual]);
      await store.sweep({ ...keepAll, now: start + 1001 });
      expect(await left(store, [short, long, usual])).toEqual([long, usual]);
      await store.sweep({ ...keepAll, now: start + 8 * day, endedBefore: start + day });
      expect(await left(store, [long, usual])).toEqual([long]);
    });

    test("keeps so many that have ended, the newest ends", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, newJobs(3, { scheduleTime: start + day }));
      const ids: string[] = [];
      for (const time of [5, 1, 4, 2, 3]) ids.push(await endedAt(store, worker, start + time));
      expect(await store.sweep({ ...keepAll, maxEnded: 2 })).toEqual({ jobs: 3, more: false });
      expect(await left(store, ids)).toEqual([ids[0], ids[2]]);
      // A new run has not ended.
      await store.cancel(ids[0]!, start);
      expect(await store.sweep({ ...keepAll, maxEnded: 2 })).toEqual({ jobs: 0, more: false });
      expect(await store.sweep({ ...keepAll, maxEnded: 0 })).toEqual({ jobs: 2, more: false });
      expect(await store.depth()).toBe(3);
    });

    test("counts right through deletes, new runs and lost workers", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "FAILED");
      await store.retry(id, start);
      expect(await store.sweep({ ...keepAll, maxEnded: 0 })).toEqual({ jobs: 0, more: false });
      await store.cancel(id, start);
      const { id: deleted } = await jobIn(store, worker, "EXPIRED");
      await store.delete(deleted, start);
      await insert(store, worker, [newJob({ maxAttempts: 1 })], { claimUpTo: 1 });
      expect((await store.recover({ now: start, lost: ["worker-1"] })).failed).toBe(1);
      expect(await store.sweep({ ...keepAll, maxEnded: 1 })).toEqual({ jobs: 1, more: false });
    });

    test("drops the responses of jobs that ended long enough ago, once", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const [old, young] = [await endedAt(store, worker, start), await endedAt(store, worker, start + day)];
      await store.sweep({ ...keepAll, respondedBefore: start + day });
      expect(await get(store, old)).toMatchObject({ state: "SUCCEEDED", response: undefined });
      expect((await get(store, old)).attempts).toMatchObject([{ httpStatus: 200 }]);
      expect((await get(store, young)).response?.body).toEqual(bytes("ok"));
      await store.sweep({ ...keepAll, respondedBefore: start + 2 * day });
      expect((await get(store, young)).response).toBeUndefined();
    });

    test("takes no more than its limit in one call, and says that there is more", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const ids: string[] = [];
      for (let time = 0; time < 5; time++) ids.push(await endedAt(store, worker, start + time));
      const options = { ...keepAll, endedBefore: start + day, respondedBefore: start + day, limit: 2 };
      const results = [await store.sweep(options), await store.sweep(options), await store.sweep(options)];
      expect(results.map(({ jobs }) => jobs)).toEqual([2, 2, 1]);
      expect(results.map(({ more }) => more)).toEqual([true, true, false]);
      expect(await left(store, ids)).toEqual([]);
    });

    test("forgets a request_id a day after its job was made, once the job is gone", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const requestIdentity = { id: bytes("1".repeat(16)), contentHash: bytes("2".repeat(16)) };
      const id = await endedAt(store, worker, start, { requestIdentity });
      const again = () => store.insert(worker, [newJob({ requestIdentity })], start, { claimUpTo: 0 });
      await store.sweep({ ...keepAll, now: start + 10 * day });
      expect(await again()).toMatchObject([{ kind: "repeated", id }]);
      await store.sweep({ ...keepAll, now: start + 1, endedBefore: start + 1 });
      await store.sweep({ ...keepAll, now: start + day });
      expect(await again()).toMatchObject([{ kind: "repeated", id }]);
      await store.sweep({ ...keepAll, now: start + day + 1 });
      expect(await again()).toMatchObject([{ kind: "stored" }]);
    });
  });
}
