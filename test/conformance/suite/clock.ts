import { describe, expect, test } from "vitest";
import type { MachineTime, Store } from "../../../server/src/store/store.ts";
import {
  claimOne,
  get,
  insert,
  leaseMs,
  newJob,
  noParts,
  registerWorker,
  retriedAt,
  setUp,
  start,
  type OpenStore,
} from "./setting.ts";

const hour = 3_600_000;
/** The machine was started long ago. */
const uptime = 1_000_000;

/** The clocks, so long after the beginning, when the wall clock has jumped by so much. */
function time(afterMs: number, jumpMs = 0, boot = "boot-1"): MachineTime {
  return { now: start + afterMs + jumpMs, uptimeMs: uptime + afterMs, boot };
}

async function dueTime(store: Store, id: string): Promise<number | undefined> {
  return (await get(store, id, noParts)).nextAttemptTime;
}

export function describeClock(open: OpenStore): void {
  describe("a wall clock", () => {
    async function withWaiting(setting: Awaited<ReturnType<typeof setUp>>) {
      const { store } = setting;
      const worker = await registerWorker(store);
      const retrying = newJob();
      await insert(store, worker, [retrying]);
      await store.finish(worker, [retriedAt(start + 10_000, await claimOne(store, worker))]);
      const scheduled = newJob({ scheduleTime: start + 10_000 });
      const delayed = newJob({ scheduleTime: start + 10_000, isRelative: true });
      const wasScheduled = newJob({ scheduleTime: start + 500 });
      const queued = newJob();
      await insert(store, worker, [scheduled, delayed, wasScheduled, queued]);
      expect(await store.noteTime(time(1000), leaseMs)).toBe(0);
      const ids = { retrying, scheduled, delayed, wasScheduled, queued };
      const dueTimes = async () => ({
        retrying: await dueTime(store, ids.retrying.id),
        scheduled: await dueTime(store, ids.scheduled.id),
        delayed: await dueTime(store, ids.delayed.id),
        wasScheduled: await dueTime(store, ids.wasScheduled.id),
        queued: await dueTime(store, ids.queued.id),
      });
      return { store, worker, dueTimes, delayed };
    }

    test("that jumps back leaves no job waiting longer for a target that asked to be left alone", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const [running, scheduled] = [newJob(), newJob({ scheduleTime: start + 500 })];
      await insert(store, worker, [running, scheduled]);
      const until = start + 60_000;
      const { origin } = new URL(running.request.url);
      const slowed = { ...retriedAt(until, await claimOne(store, worker)), slowDown: { origin, until } };
      await store.finish(worker, [slowed]);
      expect(await store.noteTime(time(1000), leaseMs)).toBe(0);
      expect((await store.claim(worker, 10, start + 1000)).jobs).toEqual([]);
      expect(await get(store, scheduled.id, noParts)).toMatchObject({
        state: "QUEUED",
        nextAttemptTime: until,
      });
      expect(await store.noteTime(time(2000, -hour), leaseMs)).toBe(-hour);
      expect(await dueTime(store, scheduled.id)).toBe(until - hour);
    });

    test("that jumps back leaves nobody waiting longer, but those that are scheduled for a time to come", async () => {
      await using setting = await setUp(open);
      const { store, worker, dueTimes, delayed } = await withWaiting(setting);
      expect(await store.noteTime(time(2000, -hour), leaseMs)).toBe(-hour);
      expect(await dueTimes()).toEqual({
        retrying: start + 10_000 - hour,
        scheduled: start + 10_000,
        delayed: start + 10_000 - hour,
        wasScheduled: start + 500 - hour,
        queued: start - hour,
      });
      expect((await get(store, delayed.id, noParts)).scheduleTime).toBe(start + 10_000 - hour);
      expect((await store.claim(worker, 10, start + 2000 - hour)).jobs).toHaveLength(2);
      expect((await store.claim(worker, 10, start + 10_000 - hour)).jobs).toHaveLength(2);
    });

    test("that jumps ahead lets nobody go sooner, but those that are scheduled for a time that is over then", async () => {
      await using setting = await setUp(open);
      const { store, worker, dueTimes } = await withWaiting(setting);
      expect(await store.noteTime(time(2000, hour), leaseMs)).toBe(hour);
      expect(await dueTimes()).toEqual({
        retrying: start + 10_000 + hour,
        scheduled: start + 10_000,
        delayed: start + 10_000 + hour,
        wasScheduled: start + 500,
        queued: start,
      });
      expect((await store.claim(worker, 10, start + 2000 + hour)).jobs).toHaveLength(3);
      expect((await store.claim(worker, 10, start + 10_000 + hour)).jobs).toHaveLength(2);
    });

    test.each([hour, -hour])("that jumps by %i ms does not move what was written since", async (jump) => {
      await using setting = await setUp(open);
      const { store, worker } = await withWaiting(setting);
      const since = start + 1500 + jump;
      const job = newJob({ createTime: since, scheduleTime: since + 5000, isRelative: true });
      await insert(store, worker, [job], { now: since });
      await store.noteTime(time(2000, jump), leaseMs);
      expect(await dueTime(store, job.id)).toBe(since + 5000);
    });

    test("that jumps moves all once, whoever tells of it", async () => {
      await using setting = await setUp(open);
      const { store, dueTimes } = await withWaiting(setting);
      const jumps = await Promise.all([1, 2, 3].map(() => store.noteTime(time(2000, hour), leaseMs)));
      expect(jumps.toSorted()).toEqual([0, 0, hour]);
      expect(await store.noteTime(time(3000, hour), leaseMs)).toBe(0);
      expect((await dueTimes()).retrying).toBe(start + 10_000 + hour);
      expect(await store.noteTime(time(4000), leaseMs)).toBe(-hour);
      expect((await dueTimes()).retrying).toBe(start + 10_000);
    });

    test("that is set right by a little moves nothing, nor does one that was noted before the machine was started", async () => {
      await using setting = await setUp(open);
      const { store, dueTimes } = await withWaiting(setting);
      const before = await dueTimes();
      expect(await store.noteTime(time(2000, 200), leaseMs)).toBe(0);
      expect(await store.noteTime(time(3000, hour, "boot-2"), leaseMs)).toBe(0);
      expect(await dueTimes()).toEqual(before);
    });

    test("that jumps ends no lease and lets a target alone as long as it asked", async () => {
      await using setting = await setUp(open);
      const { store, worker } = await withWaiting(setting);
      const { jobs } = await store.claim(worker, 1, start + 1000);
      const slowDown = { origin: "http://target.test", until: start + 60_000 };
      await store.finish(worker, [{ ...retriedAt(start + 60_000, jobs[0]!), slowDown }]);
      await store.noteTime(time(2000, hour), leaseMs);
      const nobody = { requeued: 0, failed: 0, held: 0 };
      expect(await store.recover({ now: start + 2000 + hour + leaseMs - 1, lost: [] })).toEqual(nobody);
      expect(await store.renewLease(worker, start + 2000 + hour, leaseMs)).toBe(true);
      await store.claim(worker, 10, start + hour + 3000);
      expect((await store.claim(worker, 10, start + hour + 59_999)).jobs).toEqual([]);
      expect((await store.claim(worker, 10, start + hour + 60_000)).jobs.length).toBeGreaterThan(0);
    });
  });
}
