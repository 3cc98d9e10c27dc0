import { describe, expect, test } from "vitest";
import type { NewJob, RequestIdentity } from "../../../server/src/job/job.ts";
import {
  bytes,
  claimOne,
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
const day = 24 * 3_600_000;

function identityOf(request: string, content = "content"): RequestIdentity {
  return { id: bytes(request.padEnd(16, ".")), contentHash: bytes(content.padEnd(16, ".")) };
}

export function describeIdentity(open: OpenStore): void {
  describe("an insert with a request_id", () => {
    const first = (): NewJob => newJob({ requestIdentity: identityOf("request 1") });

    test("that was there before is told what was stored then, and stores nothing", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = first();
      const [stored] = await insert(store, worker, [job], { claimUpTo: 1 });
      await store.finish(worker, [succeeded({ key: stored!.key, attempt: 1 })]);
      const repeat = newJob({ requestIdentity: identityOf("request 1"), createTime: now });
      expect(await store.insert(worker, [repeat], now, { claimUpTo: 1 })).toEqual([
        {
          kind: "repeated",
          key: stored!.key,
          revision: stored!.revision,
          id: job.id,
          uid: job.uid,
          createTime: start,
          state: "DISPATCHING",
        },
      ]);
      expect(await store.get(repeat.id, noParts)).toBeUndefined();
      expect(await store.depth()).toBe(0);
    });

    test("that stood for something else is refused, with all that came along", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [first()]);
      const batch = [newJob(), newJob({ requestIdentity: identityOf("request 1", "other") }), newJob()];
      expect(await store.insert(worker, batch, now, { claimUpTo: 0 })).toEqual([
        { kind: "request-id-reused", index: 1 },
      ]);
      expect(await store.depth()).toBe(1);
    });

    test("is known before a taken id and a full store are", async () => {
      await using setting = await setUp(open, 1);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = first();
      await insert(store, worker, [job]);
      expect(await store.insert(worker, [job], now, { claimUpTo: 0 })).toMatchObject([{ kind: "repeated" }]);
    });

    test("in a large batch is known before the store is full, and what is new of it fits or not", async () => {
      await using setting = await setUp(open, 302);
      const { store } = setting;
      const worker = await registerWorker(store);
      const batch = Array.from({ length: 300 }, (_, index) =>
        newJob({ requestIdentity: identityOf(`request ${index}`) }),
      );
      await insert(store, worker, batch);
      const repeated = await store.insert(worker, batch, now, { claimUpTo: 0 });
      expect(repeated.map(({ kind }) => kind)).toEqual(batch.map(() => "repeated"));
      const more = await store.insert(worker, [...batch, newJob(), newJob()], now, { claimUpTo: 0 });
      expect(more.slice(-2)).toMatchObject([{ kind: "stored" }, { kind: "stored" }]);
      expect(await store.insert(worker, [...batch, newJob()], now, { claimUpTo: 0 })).toEqual([
        { kind: "full", depth: 302, limit: 302 },
      ]);
    });

    test("in a batch of which some were stored before stores the others", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const [known, fresh] = [first(), newJob({ requestIdentity: identityOf("request 2") })];
      await insert(store, worker, [known]);
      const results = await store.insert(worker, [known, fresh], now, { claimUpTo: 0 });
      expect(results).toMatchObject([{ kind: "repeated", id: known.id }, { kind: "stored" }]);
      expect(await store.depth()).toBe(2);
    });

    test("by many at the same time stores once", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const results = await Promise.all(
        Array.from({ length: 20 }, () => store.insert(worker, [first()], start, { claimUpTo: 0 })),
      );
      const kinds = results.map(([result]) => result!.kind);
      expect(kinds.filter((kind) => kind === "stored")).toHaveLength(1);
      expect(kinds.filter((kind) => kind === "repeated")).toHaveLength(19);
      expect(await store.depth()).toBe(1);
    });

    test("outlives its job", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const job = first();
      await insert(store, worker, [job]);
      await store.cancel(job.id, now);
      await store.delete(job.id, now);
      expect(await store.insert(worker, [job], start + day - 1, { claimUpTo: 0 })).toMatchObject([
        { kind: "repeated", id: job.id },
      ]);
    });
  });

  describe("an insert with a dedupKey", () => {
    const keyed = (changes: Partial<NewJob> = {}): NewJob => newJob({ dedupKey: "key", ...changes });

    test.each(["SCHEDULED", "QUEUED", "DISPATCHING", "RETRYING", "HELD"] as const)(
      "is told of the job that has it and is %s, and stores nothing",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        const { id } = await jobIn(store, worker, state, { dedupKey: "key" });
        const { uid } = await get(store, id);
        const second = keyed();
        expect(await store.insert(worker, [second], now, { claimUpTo: 1 })).toEqual([
          { kind: "duplicate", id, uid, state },
        ]);
        expect(await store.get(second.id, noParts)).toBeUndefined();
        expect(await store.depth()).toBe(1);
        expect((await get(store, id)).dedupKey).toBe("key");
      },
    );

    test.each(["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"] as const)(
      "is stored once the job that had it is %s",
      async (state) => {
        await using setting = await setUp(open);
        const { store } = setting;
        const worker = await registerWorker(store);
        await jobIn(store, worker, state, { dedupKey: "key" });
        await insert(store, worker, [keyed()]);
        expect(await store.depth()).toBe(1);
      },
    );

    test("is stored where the key is another one, or stands in another queue", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [keyed(), keyed({ dedupKey: "Key" }), keyed({ queue: "other" })]);
      await insert(store, worker, [newJob(), newJob()]);
      expect(await store.depth()).toBe(5);
    });

    test("is told of the one before it in the same batch", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const batch = [newJob(), keyed(), keyed()];
      expect(await store.insert(worker, batch, now, { claimUpTo: 0 })).toMatchObject([
        { kind: "stored" },
        { kind: "stored" },
        { kind: "duplicate", id: batch[1]!.id },
      ]);
      expect(await store.depth()).toBe(2);
    });

    test("by many at the same time stores once", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const results = await Promise.all(
        Array.from({ length: 20 }, () => store.insert(worker, [keyed()], start, { claimUpTo: 0 })),
      );
      expect(results.filter(([result]) => result!.kind === "stored")).toHaveLength(1);
      expect(results.filter(([result]) => result!.kind === "duplicate")).toHaveLength(19);
      await store.finish(worker, [succeeded(await claimOne(store, worker))]);
      await insert(store, worker, [keyed()]);
    });
  });
}
