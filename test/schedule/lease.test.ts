/** The heart that keeps a lease, and the recoverer that takes back what a lost worker held. */
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { RelayError } from "../../server/src/job/error.ts";
import { Heart } from "../../server/src/schedule/heart.ts";
import { Recoverer } from "../../server/src/schedule/recoverer.ts";
import type { Store } from "../../server/src/store/store.ts";
import { createLogger } from "../../server/src/telemetry/log.ts";
import { newJob } from "../support/new-job.ts";
import { freezeTime, pass, settle, setUp, start } from "./setting.ts";

const leaseMs = 9000;
const busy = new RelayError("UNAVAILABLE", "the store refused", { reason: "STORE_BUSY" });
const silent = createLogger({ level: "silent", name: "test" });

async function startHeart(wrap?: (store: Store) => Partial<Store>) {
  const setting = await setUp(wrap === undefined ? {} : { wrap });
  const onLost = vi.fn<() => void>();
  const { store, worker } = setting;
  const heart = new Heart({ store, worker, leaseMs, clock: Date.now, log: silent, onLost });
  onTestFinished(() => heart.stop());
  heart.start();
  return { ...setting, heart, onLost };
}

describe("a heart", () => {
  test("keeps the lease for as long as it beats", async () => {
    freezeTime();
    const { store, onLost, worker, enqueue, scheduler, stateOf } = await startHeart();
    scheduler.start();
    await settle();
    const job = newJob();
    await enqueue(job);
    for (let count = 0; count < 10; count++) {
      await pass(leaseMs / 2);
      expect(await store.recover({ now: Date.now(), lost: [] })).toEqual({ requeued: 0, failed: 0, held: 0 });
    }
    expect(await stateOf(job.id)).toBe("DISPATCHING");
    expect(await store.renewLease(worker, Date.now(), leaseMs)).toBe(true);
    expect(onLost).not.toHaveBeenCalled();
  });

  test("beats three times in a lease", async () => {
    freezeTime();
    const beats: number[] = [];
    await startHeart((store) => ({
      renewLease: (...args) => {
        beats.push(Date.now() - start);
        return store.renewLease(...args);
      },
    }));
    await pass(leaseMs + 100);
    expect(beats).toHaveLength(3);
    expect(beats.every((time, index) => Math.abs(time - ((index + 1) * leaseMs) / 3) < 100)).toBe(true);
  });

  test("says that the lease is lost when another worker has taken it, and beats no more", async () => {
    freezeTime();
    let beats = 0;
    const { store, onLost } = await startHeart((kept) => ({
      renewLease: (...args) => {
        beats++;
        return kept.renewLease(...args);
      },
    }));
    await store.recover({ now: start + 1_000_000, lost: [] });
    await pass(leaseMs * 2);
    expect(onLost).toHaveBeenCalledTimes(1);
    expect(beats).toBe(1);
  });

  test("bears a store that is busy for longer than a lease, and is steady again a lease after that", async () => {
    freezeTime();
    let isBusy = false;
    const { heart, onLost } = await startHeart((store) => ({
      renewLease: (...args) => (isBusy ? Promise.reject(busy) : store.renewLease(...args)),
    }));
    await pass(leaseMs);
    expect(heart.isSteady).toBe(true);
    isBusy = true;
    await pass(leaseMs * 2);
    expect(heart.isSteady).toBe(false);
    expect(heart.age).toBeGreaterThan(leaseMs);
    isBusy = false;
    await pass(leaseMs / 2);
    expect(heart.age).toBeLessThan(leaseMs / 2);
    expect(heart.isSteady).toBe(false);
    await pass(leaseMs);
    expect(heart.isSteady).toBe(true);
    expect(onLost).not.toHaveBeenCalled();
  });

  test("is not steady after the clock jumped", async () => {
    freezeTime();
    const { heart } = await startHeart();
    await pass(leaseMs);
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(heart.isSteady).toBe(false);
    await pass(leaseMs / 3 + 100);
    expect(heart.isSteady).toBe(false);
    await pass(leaseMs + 100);
    expect(heart.isSteady).toBe(true);
  });

  test("that is stopped beats no more, also when it is stopped in the middle of a beat", async () => {
    freezeTime();
    let beats = 0;
    const { heart, onLost } = await startHeart((store) => ({
      renewLease: (...args) => {
        beats++;
        heart.stop();
        return store.renewLease(...args);
      },
    }));
    await pass(leaseMs * 3);
    expect(beats).toBe(1);
    expect(onLost).not.toHaveBeenCalled();
  });
});

describe("a recoverer", () => {
  async function withRecoverer(wrap?: (store: Store) => Partial<Store>) {
    const setting = await setUp(wrap === undefined ? {} : { wrap });
    const onRequeued = vi.fn<() => void>();
    const steady = { now: true };
    const recoverer = new Recoverer({
      store: setting.store,
      everyMs: 1000,
      clock: Date.now,
      log: silent,
      settleClock: () => undefined,
      isSteady: () => steady.now,
      onRequeued,
    });
    onTestFinished(() => recoverer.stop());
    return { ...setting, recoverer, onRequeued, steady };
  }

  test("takes back the jobs of a worker whose lease has ended, and says so", async () => {
    freezeTime();
    const { recoverer, onRequeued, store, worker, stateOf } = await withRecoverer();
    const [retried, failed] = [newJob(), newJob({ maxAttempts: 1 })];
    await store.insert(worker, [retried, failed], start, { claimUpTo: 0 });
    await store.claim(worker, 2, start);
    await recoverer.runOnce([]);
    expect(onRequeued).not.toHaveBeenCalled();
    expect(await stateOf(retried.id)).toBe("DISPATCHING");
    vi.setSystemTime(start + 60_000);
    await recoverer.runOnce([]);
    expect(onRequeued).toHaveBeenCalledTimes(1);
    expect(await stateOf(retried.id)).toBe("RETRYING");
    const record = await store.get(failed.id, new Set(["attempts"] as const));
    expect(record).toMatchObject({
      state: "FAILED",
      attempts: [{ result: "outcome-unknown", error: { reason: "WORKER_LOST" } }],
    });
    await recoverer.runOnce([]);
    expect(onRequeued).toHaveBeenCalledTimes(1);
  });

  test("judges no worker by its lease after a time in which none could renew it, but takes the jobs of known dead", async () => {
    freezeTime();
    const { recoverer, steady, store, worker, stateOf } = await withRecoverer();
    const job = newJob();
    await store.insert(worker, [job], start, { claimUpTo: 0 });
    await store.claim(worker, 1, start);
    vi.setSystemTime(start + 60_000);
    steady.now = false;
    await recoverer.runOnce([]);
    expect(await stateOf(job.id)).toBe("DISPATCHING");
    steady.now = true;
    await recoverer.runOnce([]);
    expect(await stateOf(job.id)).toBe("RETRYING");
  });

  test("wakes nobody when all jobs it took back had no attempt left", async () => {
    freezeTime();
    const { recoverer, onRequeued, store, worker } = await withRecoverer();
    await store.insert(worker, [newJob({ maxAttempts: 1 })], start, { claimUpTo: 0 });
    await store.claim(worker, 1, start);
    vi.setSystemTime(start + 60_000);
    await recoverer.runOnce([]);
    expect(onRequeued).not.toHaveBeenCalled();
  });

  test("hands the workers that are known to be lost on to the store", async () => {
    freezeTime();
    const asked: unknown[] = [];
    const { recoverer } = await withRecoverer(() => ({
      recover: (options) => {
        asked.push(options);
        return Promise.resolve({ requeued: 0, failed: 0, held: 0 });
      },
    }));
    const lost = ["abc-0.1"] as unknown as Parameters<Recoverer["runOnce"]>[0];
    await recoverer.runOnce(lost);
    expect(asked).toEqual([{ now: start, lost, leasesEndedBy: start }]);
  });

  test("survives a round that fails, and makes the next one", async () => {
    freezeTime();
    let rounds = 0;
    const { recoverer, onRequeued } = await withRecoverer(() => ({
      recover: () =>
        rounds++ === 0 ? Promise.reject(busy) : Promise.resolve({ requeued: 1, failed: 0, held: 0 }),
    }));
    recoverer.start();
    await pass(1100);
    expect(onRequeued).not.toHaveBeenCalled();
    await pass(1000);
    expect(onRequeued).toHaveBeenCalledTimes(1);
    recoverer.stop();
    await pass(5000);
    expect(rounds).toBe(2);
  });
});
