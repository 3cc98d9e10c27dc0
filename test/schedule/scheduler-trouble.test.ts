/** What a scheduler does when it is stopped, when the store fails it, and when jobs are cancelled under it. */
import { describe, expect, test } from "vitest";
import { RelayError } from "../../server/src/job/error.ts";
import { newJob } from "../support/new-job.ts";
import { freezeTime, pass, refused, settle, setUp, start } from "./setting.ts";

const busy = new RelayError("UNAVAILABLE", "the store refused", { reason: "STORE_BUSY" });
const failed = new RelayError("UNAVAILABLE", "the store failed", { reason: "STORE_FAILED" });
const closed = new RelayError("UNAVAILABLE", "the store is closed", { reason: "STORE_CLOSED" });

describe("a scheduler", () => {
  test("stops: what is on its way ends and is recorded first, nothing more is claimed", async () => {
    freezeTime();
    const { scheduler, enqueue, sender, stateOf } = await setUp({ capacity: 2 });
    scheduler.start();
    await settle();
    const [first, second, third] = [newJob(), newJob(), newJob()];
    await enqueue(first, second, third);
    expect(sender.underWay).toHaveLength(2);
    let stopped = false;
    const stop = scheduler.stop().then(() => (stopped = true));
    await pass(3000);
    expect(stopped).toBe(false);
    const ids = sender.underWay.map(({ job }) => job.id);
    await sender.underWay[0]!.end();
    await pass(3000);
    expect(stopped).toBe(false);
    await sender.underWay[0]!.end();
    await stop;
    expect(sender.sent).toHaveLength(2);
    for (const id of ids) expect(await stateOf(id)).toBe("SUCCEEDED");
    const left = [first, second, third].find(({ id }) => !ids.includes(id))!;
    expect(await stateOf(left.id)).toBe("QUEUED");
  });

  test("stops at once when nothing is on its way, and may be asked twice", async () => {
    freezeTime();
    const { scheduler } = await setUp();
    scheduler.start();
    await settle();
    await Promise.all([scheduler.stop(), scheduler.stop()]);
  });

  test("that is stopped in the middle of a claim gives back what it claimed", async () => {
    freezeTime();
    const { scheduler, sender, store, worker, stateOf } = await setUp();
    const job = newJob();
    await store.insert(worker, [job], start, { claimUpTo: 0 });
    scheduler.start();
    await scheduler.stop();
    expect(sender.sent).toEqual([]);
    expect(await stateOf(job.id)).toBe("QUEUED");
  });

  test("asks a busy store again until the outcome is recorded, and holds the place until then", async () => {
    freezeTime();
    let refusals = 3;
    const { scheduler, enqueue, sender, stateOf, storeFailures } = await setUp({
      capacity: 1,
      wrap: (store) => ({
        finish: (...args) => (refusals-- > 0 ? Promise.reject(busy) : store.finish(...args)),
      }),
    });
    scheduler.start();
    await settle();
    const job = newJob();
    await enqueue(job);
    await sender.sending(job.id).end();
    expect(scheduler.active).toBe(1);
    expect(await stateOf(job.id)).toBe("DISPATCHING");
    await pass(1000);
    expect(await stateOf(job.id)).toBe("SUCCEEDED");
    expect(scheduler.active).toBe(0);
    expect(storeFailures).toEqual([]);
  });

  test("goes on claiming after the store was busy", async () => {
    freezeTime();
    let refusals = 2;
    const { scheduler, store, worker, sender } = await setUp({
      wrap: (store) => ({
        claim: (...args) => (refusals-- > 0 ? Promise.reject(busy) : store.claim(...args)),
      }),
    });
    await store.insert(worker, [newJob()], start, { claimUpTo: 0 });
    scheduler.start();
    await pass(1000);
    expect(sender.sent).toHaveLength(1);
    expect(scheduler.active).toBe(1);
  });

  test.each([
    ["claim", { claim: () => Promise.reject(failed) }],
    ["finish", { finish: () => Promise.reject(failed) }],
  ] as const)("says that the store has failed when %s says so", async (_, broken) => {
    freezeTime();
    const { scheduler, enqueue, sender, storeFailures } = await setUp({ wrap: () => broken });
    scheduler.start();
    await settle();
    await enqueue(newJob());
    await settle();
    for (const sending of [...sender.underWay]) await sending.end();
    await pass(10);
    expect(storeFailures[0]).toBe(failed);
  });

  test("is not kept from stopping by a store that is closed", async () => {
    freezeTime();
    const { scheduler, enqueue, sender, storeFailures } = await setUp({
      wrap: () => ({ finish: () => Promise.reject(closed) }),
    });
    scheduler.start();
    await settle();
    const job = newJob();
    await enqueue(job);
    const stop = scheduler.stop();
    await sender.sending(job.id).end();
    await stop;
    expect(storeFailures).toEqual([]);
  });

  test("leaves a job alone that was cancelled while it was on its way", async () => {
    freezeTime();
    const { scheduler, enqueue, sender, store, stateOf } = await setUp();
    scheduler.start();
    await settle();
    const job = newJob();
    await enqueue(job);
    await store.cancel(job.id, start);
    await sender.sending(job.id).end(refused);
    expect(await stateOf(job.id)).toBe("CANCELLED");
    await pass(5000);
    expect(sender.sent).toHaveLength(1);
    expect(scheduler.active).toBe(0);
  });

  test("never sends a job that was cancelled while it waited for a place, having been claimed ahead", async () => {
    freezeTime();
    const { scheduler, enqueue, sender, store } = await setUp({ capacity: 1 });
    scheduler.start();
    await settle();
    // Sends that end at once make it claim ahead.
    for (let count = 0; count < 3; count++) {
      const quick = newJob();
      await enqueue(quick);
      await sender.sending(quick.id).end();
    }
    const jobs = [newJob(), newJob(), newJob()];
    await enqueue(...jobs);
    const sending = sender.underWay[0]!.job.id;
    const results = await Promise.all(
      jobs.map(async ({ id }) => ({ id, result: await store.cancel(id, start) })),
    );
    for (const { id, result } of results) {
      if (id === sending || result.kind !== "cancelled" || result.dispatching === undefined) continue;
      scheduler.cancel(result.job.key, result.dispatching.attempt);
    }
    await sender.underWay[0]!.end();
    await pass(2000);
    expect(sender.sent).toHaveLength(4);
    expect(scheduler.active).toBe(0);
  });

  test("never sends a job of whose cancel it hears before it hears that it has claimed it", async () => {
    freezeTime();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const { scheduler, sender, store, worker } = await setUp({
      wrap: (kept) => ({
        claim: async (...args) => {
          const result = await kept.claim(...args);
          await answered;
          return result;
        },
      }),
    });
    const [cancelled, other] = [newJob(), newJob()];
    await store.insert(worker, [cancelled, other], start, { claimUpTo: 0 });
    scheduler.start();
    await settle();
    const result = await store.cancel(cancelled.id, start);
    if (result.kind !== "cancelled" || result.dispatching === undefined)
      throw new Error("it was not claimed");
    scheduler.cancel(result.job.key, result.dispatching.attempt);
    answer();
    await settle();
    expect(sender.sent.map(({ id }) => id)).toEqual([other.id]);
    await sender.sending(other.id).end();
    expect(scheduler.active).toBe(0);
    await scheduler.stop();
  });
});
