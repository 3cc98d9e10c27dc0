/** What stands in the WAL only stays there after an fsync that failed in a checkpoint, whoever ends, and however. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Checkpoints, FailedSync } from "../../../server/src/store/sqlite/failed-sync.ts";
import { openSqliteStore } from "../../../server/src/store/sqlite/store.ts";
import { newJob } from "../../support/new-job.ts";
import { until } from "../../support/relay.ts";
import type { Order, Report } from "./store-process.ts";

let directory: string;
let path: string;
let processes: ChildProcess[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "fieldpost-failed-"));
  path = join(directory, "fieldpost.db");
  processes = [];
  await (await openSqliteStore({ path, maxDepth: 1000 })).close();
});

afterEach(async () => {
  await Promise.all(processes.map(kill));
  rmSync(directory, { recursive: true });
});

function start(): ChildProcess {
  const child = fork(join(import.meta.dirname, "store-process.ts"), [path]);
  processes.push(child);
  return child;
}

async function tell(child: ChildProcess, order: Order): Promise<Report> {
  child.send(order);
  const [report] = (await once(child, "message")) as [Report];
  return report;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** As a process does whose checkpoint failed. */
const leaveMark = (): void => writeFileSync(`${path}-failed`, "");

const wal = (): Buffer => readFileSync(`${path}-wal`);

/** How often a process has the store open. */
function descriptors({ pid }: ChildProcess): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(join(folder, fd)) === path;
    } catch {
      // Closed meanwhile.
      return false;
    }
  }).length;
}

test("who finds the mark when it has begun to open the store leaves the WAL as it is, and ends", async () => {
  const [holder, opener] = [start(), start()];
  expect(await tell(holder, "lock")).toBe("done");
  opener.send("open" satisfies Order);
  const exited = once(opener, "exit");
  await until(() => descriptors(opener) >= 2);
  leaveMark();
  const before = wal();
  await kill(holder);
  expect(await exited).toEqual([null, "SIGKILL"]);
  expect(before.length).toBeGreaterThan(0);
  expect(wal().equals(before)).toBe(true);
  // The next one repairs it.
  const next = start();
  expect(await tell(next, "open")).toBe("done");
  expect(existsSync(`${path}-failed`)).toBe(false);
  expect(await tell(next, { insert: "after" })).toBe("done");
});

test.each(["exit", "close"] as const)(
  "a process that has the store open leaves the WAL as it is also when it ends with %s",
  async (order) => {
    const child = start();
    expect(await tell(child, "open")).toBe("done");
    leaveMark();
    expect(await tell(child, { insert: "in the WAL only" })).toBe("done");
    const before = wal();
    const exited = once(child, "exit");
    child.send(order);
    expect(await exited).toEqual([null, "SIGKILL"]);
    expect(wal().equals(before)).toBe(true);
    const store = await openSqliteStore({ path, maxDepth: 1000 });
    expect(await store.get("in the WAL only", new Set())).toMatchObject({ state: "QUEUED" });
    await store.close();
    expect(existsSync(`${path}-failed`)).toBe(false);
  },
);

test("no checkpoint begins before it is known how the one of another process ended", async () => {
  const store = await openSqliteStore({ path, maxDepth: 1000 });
  using other = new DatabaseSync(`${path}-lock`);
  other.exec("BEGIN IMMEDIATE");
  const before = readFileSync(path);
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    await store.insert(0, [newJob()], 1, { claimUpTo: 0 });
    vi.runAllTimers();
    // Answered after the checkpoint's question.
    expect(await store.depth()).toBe(1);
    expect(readFileSync(path).equals(before)).toBe(true);
    other.exec("ROLLBACK");
    await store.insert(0, [newJob()], 1, { claimUpTo: 0 });
    vi.runAllTimers();
    expect(await store.depth()).toBe(2);
    expect(readFileSync(path).equals(before)).toBe(false);
  } finally {
    vi.useRealTimers();
  }
  await store.close();
});

test("a checkpoint that fails is marked before another one can begin", () => {
  const [one, other] = [new Checkpoints(path), new Checkpoints(path)];
  expect(one.run(() => other.run(() => "both"))).toBeUndefined();
  const failing = () => {
    throw new Error("disk I/O error");
  };
  expect(() => one.run(failing)).toThrow(FailedSync);
  expect(() => other.run(() => "after it")).toThrow(FailedSync);
  one.close();
  other.close();
});
