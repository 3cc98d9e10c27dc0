/** What a scheduler has claimed ahead, when the sends that it waits for do not end. */
import { expect, test } from "vitest";
import type { NewJob } from "../../server/src/job/job.ts";
import { newJob } from "../support/new-job.ts";
import { freezeTime, pass, settle, setUp, start } from "./setting.ts";
import type { Setting } from "./setting.ts";

const ahead = 6;

/** Sends that end at once let it claim ahead; then come `jobs`, and what is sent no longer ends. */
async function claimAhead(jobs: readonly NewJob[]): Promise<Setting> {
  freezeTime("performance");
  const setting = await setUp({ capacity: 2 });
  const { scheduler, sender, store, worker } = setting;
  const quick = Array.from({ length: 40 }, () => newJob());
  await store.insert(worker, quick, start, { claimUpTo: 0 });
  scheduler.start();
  await settle();
  for (let ended = 0; ended < quick.length; ended++) {
    if (ended === quick.length - 2) {
      await store.insert(worker, jobs, Date.now(), { claimUpTo: 0 });
      scheduler.wake();
      await settle();
    }
    await sender.underWay[0]!.end();
  }
  expect(sender.underWay).toHaveLength(2);
  expect(scheduler.active).toBeGreaterThan(2);
  return setting;
}

const waiting = (count: number, changes: Partial<NewJob> = {}): NewJob[] =>
  Array.from({ length: count }, () => newJob(changes));

async function countStates({ stateOf }: Setting, jobs: readonly NewJob[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { id } of jobs) {
    const state = (await stateOf(id)) ?? "";
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

test("is given back after a second, and the other workers hear of it", async () => {
  const jobs = waiting(ahead);
  const setting = await claimAhead(jobs);
  expect(await countStates(setting, jobs)).toMatchObject({ DISPATCHING: expect.any(Number) });
  const woken = setting.wokenOthers();
  await pass(1600);
  expect(await countStates(setting, jobs)).toEqual({ DISPATCHING: 2, QUEUED: ahead - 2 });
  expect(setting.wokenOthers()).toBeGreaterThan(woken);
  expect(setting.sender.underWay).toHaveLength(2);
  expect(setting.scheduler.active).toBe(2);
});

test("is given back at once when it stops, so that it begins nothing more", async () => {
  const jobs = waiting(ahead);
  const setting = await claimAhead(jobs);
  const { scheduler, sender } = setting;
  const stop = scheduler.stop();
  await settle();
  expect(await countStates(setting, jobs)).toEqual({ DISPATCHING: 2, QUEUED: ahead - 2 });
  const { length } = sender.sent;
  while (sender.underWay.length > 0) await sender.underWay[0]!.end();
  await stop;
  expect(sender.sent).toHaveLength(length);
  expect(await countStates(setting, jobs)).toEqual({ SUCCEEDED: 2, QUEUED: ahead - 2 });
});

test("is not sent once it has expired", async () => {
  const jobs = waiting(ahead, { expireTime: start + 400 });
  const setting = await claimAhead(jobs);
  const { sender } = setting;
  await pass(450);
  const { length } = sender.sent;
  while (sender.underWay.length > 0) await sender.underWay[0]!.end();
  await pass(1500);
  expect(sender.sent).toHaveLength(length);
  expect(await countStates(setting, jobs)).toEqual({ SUCCEEDED: 2, EXPIRED: ahead - 2 });
});
