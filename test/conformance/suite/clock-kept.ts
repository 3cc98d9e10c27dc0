import { describe, expect, test } from "vitest";
import type { MachineTime, Store } from "../../../server/src/store/store.ts";
import type { NewJob } from "../../../server/src/job/job.ts";
import {
  bytes,
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
  succeeded,
  type OpenStore,
} from "./setting.ts";

const hour = 3_600_000;
const day = 24 * hour;
const jobRetentionMs = 7 * day;
const responseRetentionMs = 2 * day;

/** The clocks of a machine: time goes on for both, and the wall clock jumps. */
class Clocks {
  #jumpedMs = 0;
  #passedMs = 0;

  get now(): number {
    return start + this.#passedMs + this.#jumpedMs;
  }

  pass(ms: number): void {
    this.#passedMs += ms;
  }

  async jump(store: Store, ms: number, meanwhile = async () => {}): Promise<void> {
    await this.note(store);
    this.#jumpedMs += ms;
    await meanwhile();
    expect(await this.note(store)).toBe(ms);
  }

  note(store: Store): Promise<number> {
    const time: MachineTime = { now: this.now, uptimeMs: 1_000_000 + this.#passedMs, boot: "boot" };
    return store.noteTime(time, leaseMs);
  }
}

async function endedAt(store: Store, worker: number, now: number, changes: Partial<NewJob> = {}) {
  const job = newJob({ createTime: now, ...changes });
  const [stored] = await insert(store, worker, [job], { claimUpTo: 1, now });
  const finished = succeeded({ key: stored!.key, attempt: 1 });
  await store.finish(worker, [{ ...finished, attempt: { ...finished.attempt, endTime: now } }]);
  return job.id;
}

/** A round of the janitor's. */
async function sweep(store: Store, now: number, retentionMs = jobRetentionMs): Promise<void> {
  const [endedBefore, respondedBefore] = [now - retentionMs, now - responseRetentionMs];
  await store.sweep({ now, endedBefore, respondedBefore, maxEnded: 1e9, limit: 1000 });
}

export function describeClockKept(open: OpenStore): void {
  describe("a wall clock that jumps", () => {
    async function setUpClocks() {
      const setting = await setUp(open);
      const { store } = setting;
      const clocks = new Clocks();
      const worker = await registerWorker(store);
      /** What is left of it after a round. */
      const look = async (id: string) => {
        await sweep(store, clocks.now);
        const job = await store.get(id, new Set(["response"]));
        if (job === undefined) return "gone";
        return job.response === undefined ? "without its response" : "whole";
      };
      return { setting, store, clocks, worker, look };
    }

    test.each([30 * day, hour, -hour, -30 * day])(
      "by %i ms takes nothing away sooner, and hardly later",
      async (jump) => {
        const { setting, store, clocks, worker, look } = await setUpClocks();
        await using _ = setting;
        const usual = await endedAt(store, worker, clocks.now);
        const own = await endedAt(store, worker, clocks.now, { retentionMs: 3 * day });
        clocks.pass(day);
        await clocks.jump(store, jump);
        expect(await look(usual)).toBe("whole");
        clocks.pass(day - hour);
        expect(await look(usual)).toBe("whole");
        // After a jump back, what has ended counts as ended then.
        clocks.pass(jump < 0 ? Math.min(-jump, day) + 2 * hour : 2 * hour);
        expect(await look(usual)).toBe("without its response");
        expect(await look(own)).not.toBe("gone");
        clocks.pass(day);
        expect(await look(own)).toBe("gone");
        clocks.pass(4 * day - 4 * hour);
        expect(await look(usual)).toBe("without its response");
        clocks.pass(4 * hour);
        expect(await look(usual)).toBe("gone");
      },
    );

    test.each([30 * day, -30 * day])("by %i ms leaves what ends after it as long as ever", async (jump) => {
      const { setting, store, clocks, worker, look } = await setUpClocks();
      await using _ = setting;
      const before = await endedAt(store, worker, clocks.now);
      await clocks.jump(store, jump);
      expect(await look(before)).toBe("whole");
      clocks.pass(day);
      const after = await endedAt(store, worker, clocks.now);
      clocks.pass(responseRetentionMs + 1);
      if (jump < 0) expect(await look(after)).toBe("without its response");
      clocks.pass(jobRetentionMs - responseRetentionMs - day);
      expect([await look(before), await look(after)]).toEqual(["gone", "without its response"]);
      clocks.pass(day);
      // Nothing is left that the jump could shorten.
      expect(await look(after)).toBe("gone");
    });

    test("ahead does not make a short retention long", async () => {
      const { setting, store, clocks, worker } = await setUpClocks();
      await using _ = setting;
      const before = await endedAt(store, worker, clocks.now);
      clocks.pass(1);
      await clocks.jump(store, 30 * day);
      const after = await endedAt(store, worker, clocks.now);
      clocks.pass(hour);
      await sweep(store, clocks.now, hour);
      expect([await store.get(before, noParts), await store.get(after, noParts)]).toMatchObject([
        undefined,
        { id: after },
      ]);
      clocks.pass(1);
      await sweep(store, clocks.now, hour);
      expect(await store.get(after, noParts)).toBeUndefined();
    });

    test("ahead and back again leaves all as it was, and nothing ended in the future", async () => {
      const { setting, store, clocks, worker, look } = await setUpClocks();
      await using _ = setting;
      const before = await endedAt(store, worker, clocks.now);
      await clocks.jump(store, 3650 * day);
      clocks.pass(hour);
      const between = await endedAt(store, worker, clocks.now);
      await clocks.jump(store, -3650 * day);
      expect((await get(store, between, noParts)).finishTime).toBe(clocks.now);
      clocks.pass(jobRetentionMs - hour + 1);
      expect([await look(before), await look(between)]).toEqual(["gone", "without its response"]);
      clocks.pass(hour);
      expect(await look(between)).toBe("gone");
    });

    test.each([30 * day, -30 * day])(
      "by %i ms changes little about how long a request_id is known",
      async (jump) => {
        const { setting, store, clocks, worker } = await setUpClocks();
        await using _ = setting;
        const requestIdentity = { id: bytes("1".repeat(16)), contentHash: bytes("2".repeat(16)) };
        const id = await endedAt(store, worker, clocks.now, { requestIdentity });
        clocks.pass(hour);
        const again = async () => {
          await sweep(store, clocks.now);
          return store.insert(worker, [newJob({ requestIdentity })], clocks.now, { claimUpTo: 0 });
        };
        await store.delete(id, clocks.now);
        await clocks.jump(store, jump);
        clocks.pass(day - 2 * hour);
        expect(await again()).toMatchObject([{ kind: "repeated", id }]);
        clocks.pass(3 * hour);
        expect(await again()).toMatchObject([{ kind: "stored" }]);
      },
    );

    const retryPolicy = { ...newJob().retryPolicy, maxAgeMs: 10_000 };
    test.each([hour, -hour])("by %i ms makes no run older or younger", async (jump) => {
      const { setting, store, clocks, worker } = await setUpClocks();
      await using _ = setting;
      const waiting = newJob({ retryPolicy });
      await insert(store, worker, [waiting]);
      clocks.pass(1000);
      await store.finish(worker, [retriedAt(clocks.now, await claimOne(store, worker, clocks.now))]);
      const sending = newJob({ retryPolicy });
      await insert(store, worker, [sending], { claimUpTo: 0 });
      expect((await store.claim(worker, 1, clocks.now)).jobs).toMatchObject([{ id: sending.id }]);
      await clocks.jump(store, jump);
      const since = newJob({ retryPolicy, createTime: clocks.now });
      await insert(store, worker, [since], { now: clocks.now });
      const { jobs } = await store.claim(worker, 10, clocks.now);
      const ages = new Map(jobs.map(({ id, claimTime, runTime }) => [id, claimTime - runTime]));
      expect(ages.get(waiting.id)).toBe(1000);
      expect(ages.get(since.id)).toBe(0);
      clocks.pass(9000);
      const { now } = clocks;
      expect(await store.recover({ now, lost: ["worker-1"] })).toMatchObject({ requeued: 3, failed: 0 });
    });

    test.each([hour, -hour])("by %i ms makes no run older that begins before it is noted", async (jump) => {
      const { setting, store, clocks, worker } = await setUpClocks();
      await using _ = setting;
      await clocks.jump(store, jump, async () => {
        const { now } = clocks;
        await insert(store, worker, [newJob({ retryPolicy, createTime: now })], { now });
      });
      const { now } = clocks;
      expect(await claimOne(store, worker, now)).toMatchObject({ runTime: now });
    });

    test("and one that is too old is still given up", async () => {
      const { setting, store, clocks, worker } = await setUpClocks();
      await using _ = setting;
      await insert(store, worker, [newJob({ retryPolicy })], { claimUpTo: 1 });
      await clocks.jump(store, -hour);
      clocks.pass(10_001);
      const { now } = clocks;
      expect(await store.recover({ now, lost: ["worker-1"] })).toMatchObject({ requeued: 0, failed: 1 });
    });
  });
}
