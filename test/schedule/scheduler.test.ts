import { describe, expect, onTestFinished, test, vi } from "vitest";
import { newJob } from "../support/new-job.ts";
import { freezeTime, pass, refused, settle, setUp, start } from "./setting.ts";

describe("a scheduler", () => {
  test("claims what waits when it starts, but never more than it has room for", async () => {
    freezeTime();
    const { scheduler, sender, store, worker, stateOf } = await setUp({ capacity: 3 });
    const jobs = Array.from({ length: 8 }, () => newJob());
    await store.insert(worker, jobs, start, { claimUpTo: 0 });
    scheduler.start();
    await settle();
    expect(sender.underWay).toHaveLength(3);
    expect(scheduler.active).toBe(3);
    while (sender.underWay.length > 0) await sender.underWay[0]!.end();
    expect(sender.sent.map(({ id }) => id).toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
    expect(sender.most).toBe(3);
    expect(scheduler.active).toBe(0);
    for (const { id } of jobs) expect(await stateOf(id)).toBe("SUCCEEDED");
  });

  test("sends what the insert claimed without a claim of its own", async () => {
    freezeTime();
    const claims = vi.fn<() => void>();
    const setting = await setUp({
      wrap: (store) => ({
        claim: (...args) => {
          claims();
          return store.claim(...args);
        },
      }),
    });
    setting.scheduler.start();
    await settle();
    claims.mockClear();
    await setting.enqueue(newJob(), newJob());
    expect(setting.sender.underWay).toHaveLength(2);
    expect(claims).not.toHaveBeenCalled();
  });

  test("gives no room before it starts, and none once it stops", async () => {
    freezeTime();
    const { scheduler, enqueue, sender } = await setUp();
    expect(scheduler.reserve(3)).toBe(0);
    scheduler.settle(0, []);
    scheduler.start();
    await settle();
    expect(scheduler.reserve(5)).toBe(3);
    scheduler.settle(3, []);
    await scheduler.stop();
    expect(scheduler.reserve(1)).toBe(0);
    await enqueue(newJob());
    await pass(3000);
    expect(sender.sent).toEqual([]);
  });

  test("sends more at once as soon as its capacity has grown", async () => {
    freezeTime();
    const { scheduler, sender, store, worker, options } = await setUp({ capacity: 1 });
    scheduler.start();
    await settle();
    await store.insert(
      worker,
      Array.from({ length: 8 }, () => newJob()),
      start,
      { claimUpTo: 0 },
    );
    scheduler.wake();
    await settle();
    expect(sender.underWay).toHaveLength(1);
    options.capacity = 5;
    scheduler.fillUp();
    await settle();
    expect(sender.underWay).toHaveLength(5);
    expect(sender.most).toBe(5);
  });

  test("sends what it has claimed already when its capacity has grown", async () => {
    freezeTime();
    const { scheduler, sender, store, worker, options } = await setUp({ capacity: 2 });
    const now = vi.spyOn(performance, "now").mockReturnValue(1000);
    onTestFinished(() => now.mockRestore());
    scheduler.start();
    await settle();
    await store.insert(
      worker,
      Array.from({ length: 12 }, () => newJob()),
      start,
      { claimUpTo: 0 },
    );
    scheduler.wake();
    await settle();
    // Sends that end quickly make it claim ahead.
    for (let ended = 0; ended < 4; ended++) await sender.underWay[0]!.end();
    expect(sender.underWay).toHaveLength(2);
    const claimed = scheduler.active;
    expect(claimed).toBeGreaterThan(2);
    options.capacity = 4;
    scheduler.fillUp();
    expect(sender.underWay).toHaveLength(4);
    expect(scheduler.active).toBe(claimed);
  });

  test("sends fewer at once when its capacity has shrunk, without cutting one or losing one", async () => {
    freezeTime();
    const { scheduler, sender, store, worker, options } = await setUp({ capacity: 4 });
    await store.insert(
      worker,
      Array.from({ length: 20 }, () => newJob()),
      start,
      { claimUpTo: 0 },
    );
    scheduler.start();
    await settle();
    expect(sender.underWay).toHaveLength(4);
    options.capacity = 1;
    scheduler.fillUp();
    await settle();
    expect(sender.underWay).toHaveLength(4);
    for (let left = 4; left > 1; left--) {
      await sender.underWay[0]!.end();
      expect(sender.underWay).toHaveLength(left - 1);
    }
    while (sender.underWay.length > 0) {
      expect(sender.underWay).toHaveLength(1);
      await sender.underWay[0]!.end();
    }
    expect(sender.sent).toHaveLength(20);
  });

  test("counts the places that are reserved as taken", async () => {
    freezeTime();
    const { scheduler, enqueue, sender } = await setUp({ capacity: 3 });
    scheduler.start();
    await settle();
    expect(scheduler.reserve(2)).toBe(2);
    await enqueue(newJob(), newJob(), newJob());
    await pass(3000);
    expect(sender.underWay).toHaveLength(1);
    scheduler.settle(2, []);
    await settle();
    expect(sender.underWay).toHaveLength(3);
  });

  test("sends a job again at its next attempt's time, not earlier, and gives up after the last", async () => {
    freezeTime();
    const { scheduler, enqueue, sender, store } = await setUp();
    scheduler.start();
    await settle();
    const job = newJob({ maxAttempts: 3 });
    await enqueue(job);
    await sender.sending(job.id).end(refused);
    expect(await store.get(job.id, new Set())).toMatchObject({
      state: "RETRYING",
      nextAttemptTime: start + 1000,
    });
    await pass(990);
    expect(sender.sent).toHaveLength(1);
    await pass(20);
    expect(sender.sent.map(({ attempt }) => attempt)).toEqual([1, 2]);
    await sender.sending(job.id).end(refused);
    await pass(1980);
    expect(sender.sent).toHaveLength(2);
    await pass(40);
    await sender.sending(job.id).end(refused);
    const record = await store.get(job.id, new Set(["attempts", "last-error"] as const));
    expect(record).toMatchObject({ state: "FAILED", attemptCount: 3, lastError: { reason: "CONN_REFUSED" } });
    expect(record?.attempts?.map(({ number, worker }) => [number, worker])).toEqual([
      [1, "worker-1"],
      [2, "worker-1"],
      [3, "worker-1"],
    ]);
    await pass(10_000);
    expect(sender.sent).toHaveLength(3);
  });

  test("does not repeat what cannot do better", async () => {
    freezeTime();
    const { scheduler, enqueue, sender, stateOf } = await setUp();
    scheduler.start();
    await settle();
    const job = newJob();
    await enqueue(job);
    await sender.sending(job.id).end({ result: "failed", retryable: false });
    expect(await stateOf(job.id)).toBe("FAILED");
  });

  test("sends a scheduled job at its time, although it is far off when it comes", async () => {
    freezeTime();
    const { scheduler, enqueue, sender } = await setUp();
    scheduler.start();
    await enqueue(newJob({ scheduleTime: start + 5000 }), newJob({ scheduleTime: start + 2500 }));
    await pass(2490);
    expect(sender.sent).toHaveLength(0);
    await pass(20);
    expect(sender.sent).toHaveLength(1);
    await pass(2480);
    expect(sender.sent).toHaveLength(1);
    await pass(20);
    expect(sender.sent).toHaveLength(2);
  });

  test("finds a job that nobody told it of within about a second", async () => {
    freezeTime();
    const { scheduler, store, worker, sender } = await setUp();
    scheduler.start();
    await pass(5000);
    await store.insert(worker, [newJob()], Date.now(), { claimUpTo: 0 });
    await pass(1100);
    expect(sender.sent).toHaveLength(1);
  });

  test("finds a job that another worker put there as soon as it is woken", async () => {
    freezeTime();
    const { scheduler, store, worker, sender } = await setUp();
    scheduler.start();
    await settle();
    await store.insert(worker, [newJob()], start, { claimUpTo: 0 });
    scheduler.wake();
    await settle();
    expect(sender.sent).toHaveLength(1);
  });

  test("that has no room left wakes the others, but not for every job", async () => {
    freezeTime();
    const { scheduler, enqueue, wokenOthers } = await setUp({ capacity: 1 });
    scheduler.start();
    await settle();
    await enqueue(newJob());
    expect(wokenOthers()).toBe(0);
    for (let count = 0; count < 10; count++) await enqueue(newJob());
    expect(wokenOthers()).toBe(1);
    await pass(30);
    await enqueue(newJob());
    expect(wokenOthers()).toBe(2);
  });

  test("lets a job expire whose time runs out before its turn, and never sends it", async () => {
    freezeTime();
    const { scheduler, enqueue, sender, stateOf } = await setUp({ capacity: 1 });
    scheduler.start();
    await settle();
    const first = newJob();
    const late = newJob({ expireTime: start + 100 });
    await enqueue(first);
    await enqueue(late);
    await pass(200);
    await sender.sending(first.id).end();
    expect(await stateOf(late.id)).toBe("EXPIRED");
    await pass(2000);
    expect(sender.sent).toHaveLength(1);
  });

  test("goes on when the clock jumps ahead by an hour, and when it jumps back", async () => {
    freezeTime();
    const { scheduler, enqueue, sender } = await setUp();
    scheduler.start();
    await settle();
    await enqueue(newJob({ scheduleTime: start + 3_600_000 }));
    vi.setSystemTime(start + 3_700_000);
    await pass(1100);
    expect(sender.sent).toHaveLength(1);
    vi.setSystemTime(start);
    await enqueue(newJob({ scheduleTime: start + 2000 }));
    await pass(3200);
    expect(sender.sent).toHaveLength(2);
  });
});
