/** A relay whose disk is recorded. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { compileDisk, diskEnvironment } from "../support/disk/disk.ts";
import { DiskLogReader, Observer } from "../support/disk/disk-log.ts";
import { makeFolder, startRelay, until } from "../support/relay.ts";
import type { Relay, RelayOptions } from "../support/relay.ts";
import { StoreWatch } from "./store-watch.ts";

const compiled = compileDisk();
const missing = "missing" in compiled ? compiled.missing : undefined;

/** `describe`, skipped where there is no C compiler; but never in CI. */
export function describeWithDisk(name: string, tests: () => void): void {
  const skip = missing !== undefined && process.env["CI"] !== "true";
  describe.skipIf(skip)(skip ? `${name} (skipped: ${missing})` : name, () => {
    tests();
  });
}

export interface Recording extends Disposable {
  /** The store's folder. */
  readonly dir: string;
  readonly logPath: string;
  readonly observer: Observer;
  /** Starts a relay on the store; with two workers, if nothing is said. */
  start(options?: Pick<RelayOptions, "workers" | "env">): Promise<Relay>;
  /** Resolves when what the store's files have been through makes this true. */
  watched(isTrue: (watch: StoreWatch) => boolean): Promise<void>;
  /** Makes the next fsync of a file of the store fail. */
  failFsync(name: string): void;
}

/** A new folder for a store, removed at the end. */
export function startRecording(): Recording {
  const folder = makeFolder();
  const dir = join(folder, "store");
  const failFsync = join(folder, "fail");
  mkdirSync(dir);
  mkdirSync(failFsync);
  const logPath = join(folder, "disk.log");
  const disk = diskEnvironment({ path: join(dir, "fieldpost.db"), log: logPath, failFsync });
  if ("missing" in disk) throw new Error(disk.missing);
  const observer = new Observer(logPath);
  const log = new DiskLogReader(logPath);
  const watch = new StoreWatch();
  return {
    dir,
    logPath,
    observer,
    start: ({ workers = 2, env = {} } = {}) => startRelay({ dir, workers, env: { ...disk.env, ...env } }),
    watched: (isTrue) =>
      until(() => {
        for (const record of log) watch.apply(record);
        return isTrue(watch);
      }),
    failFsync: (name) => writeFileSync(join(failFsync, name), ""),
    [Symbol.dispose]() {
      log[Symbol.dispose]();
      observer[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
