import { describe, expect, test } from "vitest";
import {
  bytes,
  get,
  insert,
  newJob,
  newJobs,
  noParts,
  registerWorker,
  setUp,
  start,
  statesOf,
  type OpenStore,
} from "./setting.ts";

const identity = (content: string) => ({
  id: bytes("a request_id ..."),
  contentHash: bytes(content.padEnd(16, ".")),
});

export function describeInsertEach(open: OpenStore): void {
  describe("insert of each on its own", () => {
    test("stores what can be stored, and answers for each in their order", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const taken = newJob();
      const keyed = newJob({ dedupKey: "key" });
      const called = newJob({ requestIdentity: identity("first") });
      await insert(store, worker, [taken, keyed, called]);
      const fresh = newJobs(3);
      const results = await store.insert(
        worker,
        [
          fresh[0]!,
          newJob({ id: taken.id }),
          newJob({ dedupKey: "key" }),
          fresh[1]!,
          newJob({ requestIdentity: identity("first") }),
          newJob({ requestIdentity: identity("second") }),
          fresh[2]!,
        ],
        start,
        { claimUpTo: 0, each: true },
      );
      expect(results).toMatchObject([
        { kind: "stored", state: "QUEUED", claimed: false },
        { kind: "id-taken", id: taken.id },
        { kind: "duplicate", id: keyed.id },
        { kind: "stored" },
        { kind: "repeated", id: called.id },
        { kind: "request-id-reused", index: 5 },
        { kind: "stored" },
      ]);
      expect(await statesOf(store, fresh)).toEqual(["QUEUED", "QUEUED", "QUEUED"]);
      expect(await store.depth()).toBe(6);
    });

    test("sees the jobs before it in the same call", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const [job, keyed] = [newJob(), newJob({ dedupKey: "key" })];
      const called = newJob({ requestIdentity: identity("first") });
      const again = [newJob({ id: job.id }), newJob({ dedupKey: "key" }), { ...called, id: "another" }];
      const results = await store.insert(worker, [job, keyed, called, ...again], start, {
        claimUpTo: 0,
        each: true,
      });
      expect(results).toMatchObject([
        ...[{ kind: "stored" }, { kind: "stored" }, { kind: "stored" }],
        { kind: "id-taken", id: job.id },
        { kind: "duplicate", id: keyed.id },
        { kind: "repeated", id: called.id },
      ]);
    });

    test("stores as many as there is room for", async () => {
      await using setting = await setUp(open, 3);
      const { store } = setting;
      const worker = await registerWorker(store);
      const jobs = newJobs(5);
      const results = await store.insert(worker, jobs, start, { claimUpTo: 0, each: true });
      expect(results.map(({ kind }) => kind)).toEqual(["stored", "stored", "stored", "full", "full"]);
      expect(results[4]).toEqual({ kind: "full", depth: 3, limit: 3 });
      expect(await store.depth()).toBe(3);
      expect(await store.get(jobs[3]!.id, noParts)).toBeUndefined();
    });

    test("claims as many as it may", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const jobs = newJobs(4);
      const results = await store.insert(worker, jobs, start, { claimUpTo: 2, each: true });
      const claimed = results.filter((result) => result.kind === "stored" && result.claimed);
      expect(claimed.length).toBeGreaterThan(0);
      expect(claimed.length).toBeLessThanOrEqual(2);
      const sending = await Promise.all(jobs.map(async ({ id }) => (await get(store, id)).state));
      expect(sending.filter((state) => state === "DISPATCHING")).toHaveLength(claimed.length);
    });
  });
}
