import { describe, expect, onTestFinished, test } from "vitest";
import { ClockWatch } from "../../server/src/schedule/clock-watch.ts";
import type { MachineTime, Store } from "../../server/src/store/store.ts";
import { createLogger } from "../../server/src/telemetry/log.ts";
import { newJob } from "../support/new-job.ts";
import { freezeTime, pass, setUp, settle, start } from "./setting.ts";

function startWatch(answers: (number | Error)[] = []) {
  freezeTime();
  const told: MachineTime[] = [];
  const store = {
    noteTime(time: MachineTime) {
      told.push(time);
      const answer = answers.shift() ?? 0;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  } as Pick<Store, "noteTime"> as Store;
  const clocks = { now: start, uptimeMs: 1000, boot: "boot" };
  const watch = new ClockWatch({
    store,
    readTime: () => ({ ...clocks }),
    leaseMs: 10_000,
    everyMs: 1000,
    log: createLogger({ level: "silent", name: "test" }),
  });
  onTestFinished(() => watch.stop());
  return { watch, told, clocks };
}

describe("a clock watch", () => {
  test("asks nobody while both clocks go on alike", async () => {
    const { watch, told, clocks } = startWatch();
    await watch.settle();
    expect(told).toHaveLength(1);
    clocks.now += 5000;
    clocks.uptimeMs += 5010;
    expect(watch.settle()).toBeUndefined();
    expect(told).toHaveLength(1);
  });

  test.each([3_600_000, -3_600_000, 300])(
    "tells the store of a jump of %i ms before anything else is done",
    async (jump) => {
      const { watch, told, clocks } = startWatch();
      await watch.settle();
      clocks.now += jump;
      await watch.settle();
      expect(told.at(-1)!.now).toBe(start + jump);
      expect(watch.settle()).toBeUndefined();
    },
  );

  test("tells of it again if the store could not be told, and every second anyway", async () => {
    const { watch, told, clocks } = startWatch([0, new Error("busy")]);
    await watch.settle();
    clocks.now += 60_000;
    await watch.settle();
    await watch.settle();
    expect(told).toHaveLength(3);
    expect(watch.settle()).toBeUndefined();
    watch.start();
    await pass(2000);
    expect(told).toHaveLength(5);
  });
});

test("a scheduler claims nothing before the store has heard of a jump", async () => {
  freezeTime();
  const heard = Promise.withResolvers<undefined>();
  const { scheduler, sender, store, worker } = await setUp({ settleClock: () => heard.promise });
  await store.insert(worker, [newJob()], start, { claimUpTo: 0 });
  scheduler.start();
  await pass(3000);
  expect(sender.sent).toEqual([]);
  heard.resolve(undefined);
  await settle();
  expect(sender.sent).toHaveLength(1);
});
