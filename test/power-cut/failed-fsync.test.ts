/**
 * An fsync that fails. The kernel then holds what it could not write for written (fsyncgate, PostgreSQL 2018): a second
 * fsync says yes and means nothing. So whoever meets one ends, and what was acknowledged is safe all the same: also when
 * the power is cut after the relay has started anew.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DiskLogReader } from "../support/disk/disk-log.ts";
import type { DiskRecord } from "../support/disk/disk-log.ts";
import { cutPower } from "./cuts.ts";
import { Load, startJobTarget } from "./load.ts";
import { describeWithDisk, startRecording } from "./recording.ts";
import type { LogLine } from "../support/relay.ts";
import type { Recording } from "./recording.ts";
import type { StoreWatch } from "./store-watch.ts";

const count = Math.ceil(Number(process.env["FIELDPOST_POWER_CUTS"] ?? 40) / 2);
const seed = Number(process.env["FIELDPOST_POWER_CUT_SEED"] ?? Date.now() % 1e9);
const timeoutMs = 90_000 + count * 2000;

interface Failure {
  readonly file: string;
  readonly workers: number;
  /** When the next fsync of the file shall fail. */
  readonly ripe: (watch: StoreWatch) => boolean;
}

/** Hands jobs over all the time, lets an fsync fail in the middle of it, and goes on until all workers are new. */
async function recordFailure(recording: Recording, { file, workers, ripe }: Failure): Promise<LogLine[]> {
  await using target = await startJobTarget();
  await using relay = await recording.start({ workers });
  using load = new Load({
    address: relay.grpcAddress,
    targetUrl: target.url,
    observer: recording.observer,
    series: "failure",
  });
  const stop = new AbortController();
  const loading = load.enqueueUntil(stop.signal);
  await recording.watched((watch) => watch.acknowledgements > 200 && ripe(watch));
  recording.failFsync(file);
  let before = 0;
  for (let slot = 0; slot < workers; slot++) {
    await relay.line("worker is ready", (line) => line["slot"] === slot && Number(line["generation"]) > 1);
  }
  await recording.watched((watch) => {
    before ||= watch.acknowledgements;
    return watch.acknowledgements > before + 200;
  });
  stop.abort();
  await loading;
  await load.ended();
  const fatal = relay.lines.filter(({ level }) => level === "fatal");
  expect(await relay.stop()).toBe(0);
  return fatal;
}

/** Of each process, the fsyncs of a file that began after one of that file had failed there, and ended well. */
function retries(records: readonly DiskRecord[]): DiskRecord[] {
  const failed = new Set<string>();
  const begun = new Set<string>();
  return records.filter((record) => {
    if (record.kind === "sync-begin" && failed.has(`${record.pid} ${record.inode}`)) {
      begun.add(`${record.pid} ${record.call}`);
    }
    if (record.kind !== "sync-end") return false;
    if (record.result !== "done") failed.add(`${record.pid} ${record.inode}`);
    return record.result === "done" && begun.has(`${record.pid} ${record.call}`);
  });
}

describeWithDisk(`an fsync that fails (FIELDPOST_POWER_CUT_SEED=${seed})`, () => {
  const failures: [string, Failure][] = [
    // The new worker finds in the WAL, and in the page cache, a commit that is not on the disk.
    ["of the WAL, with a commit", { file: "fieldpost.db-wal", workers: 1, ripe: () => true }],
    [
      "of the database file, with a checkpoint",
      { file: "fieldpost.db", workers: 2, ripe: ({ isHalfCheckpointed }) => isHalfCheckpointed },
    ],
  ];
  test.each(failures)(
    "%s, ends every worker that meets it, and costs no acknowledged job, whatever the disk did",
    async (_, failure) => {
      using recording = startRecording();
      const fatal = await recordFailure(recording, failure);
      expect(fatal.length).toBeGreaterThanOrEqual(failure.workers);
      for (const { msg } of fatal) expect(msg).toContain("the store failed; this worker ends");
      expect(fatal.some(({ err }) => JSON.stringify(err).includes("disk I/O error"))).toBe(true);
      using log = new DiskLogReader(recording.logPath);
      const records = [...log];
      expect(retries(records)).toEqual([]);
      const from = records.findIndex((record) => record.kind === "sync-end" && record.result === "lost");
      expect(from).toBeGreaterThan(0);
      const results = await cutPower(recording.logPath, { count, seed, from });
      expect(results.filter(({ problems }) => problems.length > 0)).toEqual([]);
      for (const suffix of ["-wal", "-failed"]) {
        expect(existsSync(join(recording.dir, `fieldpost.db${suffix}`))).toBe(false);
      }
    },
    timeoutMs,
  );
});
