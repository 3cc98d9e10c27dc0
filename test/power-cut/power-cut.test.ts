/**
 * `kill -9` keeps the page cache, so it says nothing about fsync. Here the power is cut: a real relay's writes and fsyncs
 * are recorded, what a disk may hold after a cut is rebuilt at many moments, and no promise may be broken in any.
 * FIELDPOST_POWER_CUTS=500 cuts so often; FIELDPOST_POWER_CUT_SEED repeats the choices of a run, of a similar record.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DiskLogReader } from "../support/disk/disk-log.ts";
import { PowerCutDisk } from "../support/disk/power-cut.ts";
import { cutPower } from "./cuts.ts";
import { Load, startJobTarget } from "./load.ts";
import { describeWithDisk, startRecording } from "./recording.ts";
import type { Recording } from "./recording.ts";
import { StoreWatch } from "./store-watch.ts";

const count = Number(process.env["FIELDPOST_POWER_CUTS"] ?? 40);
const seed = Number(process.env["FIELDPOST_POWER_CUT_SEED"] ?? Date.now() % 1e9);
const bursts = 4 + Math.ceil(count / 50);
const jobsOfBurst = 150;
const timeoutMs = 60_000 + count * 2000;

/** Starts a relay on the recorded store, hands jobs over in bursts, and stops it. */
async function recordRun(recording: Recording, series: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  await using target = await startJobTarget();
  await using relay = await recording.start({ env });
  const { observer } = recording;
  using load = new Load({ address: relay.grpcAddress, targetUrl: target.url, observer, series });
  for (let burst = 0; burst < bursts; burst++) {
    await load.enqueue(jobsOfBurst);
    await load.ended();
    // What the next burst writes begins at the start of the WAL.
    if (env["NODE_OPTIONS"] === undefined) await recording.watched(({ isCheckpointed }) => isCheckpointed);
  }
  expect(await relay.stop()).toBe(0);
}

describeWithDisk(`${count} power cuts (FIELDPOST_POWER_CUT_SEED=${seed})`, () => {
  let recording: Recording;
  beforeAll(async () => {
    recording = startRecording();
    await recordRun(recording, "first");
    await recordRun(recording, "second");
  }, timeoutMs);
  afterAll(() => recording[Symbol.dispose]());

  test("the record is complete, and has all in it that should be cut", () => {
    const watch = new StoreWatch();
    const disk = new PowerCutDisk();
    using log = new DiskLogReader(recording.logPath);
    for (const record of log) {
      watch.apply(record);
      disk.apply(record);
    }
    const { writers, walStarts, checkpoints } = watch;
    expect(writers.size).toBeGreaterThanOrEqual(4);
    expect(walStarts).toBeGreaterThan(bursts);
    expect(checkpoints).toBeGreaterThan(bursts);
    // Played back to its end, it is what the folder holds: nothing was written that is not in it.
    const files = disk.current();
    expect([...files.keys()].toSorted()).toEqual(["fieldpost.db", "fieldpost.db-lock", "fieldpost.db-relay"]);
    const differs = ([name, content]: [string, Buffer]): boolean =>
      !content.equals(readFileSync(join(recording.dir, name)));
    expect([...files].filter(differs).map(([name]) => name)).toEqual([]);
  });

  test(
    "lose nothing that was acknowledged, and leave a store that is whole",
    async () => {
      const results = await cutPower(recording.logPath, { count, seed });
      expect(results).toHaveLength(count);
      expect(results.filter(({ problems }) => problems.length > 0)).toEqual([]);
      const after = results.filter(({ acknowledged }) => acknowledged > 0);
      expect(after.length).toBeGreaterThan(count / 2);
      console.log(
        `${count} power cuts, ${after.length} of them after acknowledgements: 0 acknowledged jobs lost, 0 stores broken`,
      );
    },
    timeoutMs,
  );
});

describeWithDisk("power cuts of a store that does not wait for the disk (synchronous = OFF)", () => {
  test(
    "lose acknowledged jobs: the cuts above could fail",
    async () => {
      using recording = startRecording();
      const preload = fileURLToPath(new URL("synchronous-off.ts", import.meta.url));
      await recordRun(recording, "off", { NODE_OPTIONS: `--import=${preload}` });
      const results = await cutPower(recording.logPath, { count: 20, seed });
      const broken = results.filter(({ problems }) => problems.length > 0);
      expect(broken.length).toBeGreaterThan(results.length / 4);
      console.log(`${results.length} power cuts with synchronous = OFF: ${broken.length} stores broken`);
      expect(broken.some(({ problems }) => problems.some((what) => what.includes("lost")))).toBe(true);
    },
    timeoutMs,
  );
});
