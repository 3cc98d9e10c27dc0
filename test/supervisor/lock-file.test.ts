// The lock file: one supervisor at a time, however the one before it ended.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { tryLock } from "../../server/supervisor/src/syscalls.ts";
import { runFixture, startSupervised, withDefaults } from "./harness.ts";
import type { Running, Supervised } from "./harness.ts";
import { release, startReleases } from "./releases.ts";

function makeFile(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "supervisor-lock-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  return path.join(dir, "lock");
}

const start = (lockFile: string): Promise<Supervised> => startSupervised({ worker: "http-worker", lockFile });

const run = (lockFile: string): Running =>
  runFixture("supervise", withDefaults("http-worker", { lockFile, args: [] }));

const read = (file: string): string => fs.readFileSync(file, "utf8");

function isLocked(file: string): boolean {
  const fd = fs.openSync(file, "r");
  try {
    return !tryLock(fd, "shared");
  } finally {
    fs.closeSync(fd);
  }
}

describe("a lock file", () => {
  it("keeps a second supervisor from starting, which says who has it and opens no socket", async () => {
    const file = makeFile();
    const first = await start(file);
    expect(read(file)).toBe(`${first.pid}\n`);
    const second = run(file);
    expect(await second.event("failed")).toMatchObject({
      code: "LOCK_FILE_LOCKED",
      message: `SupervisorError: process ${first.pid} has the lock file ${file}: one supervisor at a time can have it`,
    });
    expect(second.events.some(({ msg }) => msg === "worker started")).toBe(false);
    expect(read(file)).toBe(`${first.pid}\n`);
    first.signal("SIGTERM");
    expect(await first.exited).toEqual({ code: 0, signal: null });
    expect(isLocked(file)).toBe(false);
    await start(file);
  });

  it("is free at once when a supervisor is killed, though its workers still end what they have", async () => {
    const file = makeFile();
    const first = await start(file);
    first.signal("SIGKILL");
    await first.exited;
    const second = await start(file);
    expect(read(file)).toBe(`${second.pid}\n`);
  });

  it("is one supervisor's, of several that start at once", async () => {
    const file = makeFile();
    const all = Array.from({ length: 5 }, () => run(file));
    const ends = await Promise.all(all.map((one) => Promise.race([one.event("failed"), one.event("ready")])));
    expect(ends.filter(({ event }) => event === "ready")).toHaveLength(1);
    expect(ends.filter(({ code }) => code === "LOCK_FILE_LOCKED")).toHaveLength(4);
  });

  it.each([
    ["a file with something else in it", (file: string) => fs.writeFileSync(file, "mine"), "mine"],
    ["a long file", (file: string) => fs.writeFileSync(file, " ".repeat(100)), " ".repeat(100)],
  ])("leaves %s alone", async (_, make, content) => {
    const file = makeFile();
    make(file);
    expect(await run(file).event("failed")).toMatchObject({ code: "LOCK_FILE_FAILED" });
    expect(read(file)).toBe(content);
  });

  it("whose folder is not there ends the start", async () => {
    const file = path.join(path.dirname(makeFile()), "nowhere", "lock");
    const failed = await run(file).event("failed");
    expect(failed).toMatchObject({ code: "LOCK_FILE_FAILED" });
    expect(failed.message).toContain("its folder must exist");
  });

  it("stays locked through an upgrade, and is another one if the new version says so", async () => {
    const lockFile = makeFile();
    const other = makeFile();
    const deployed = await startReleases(release("1", { lockFile }));
    deployed.deploy("later", release("2", { lockFile }));
    const seen = { locked: 0, free: 0 };
    let isOver = false;
    const upgraded = deployed.reload().finally(() => (isOver = true));
    while (!isOver) {
      seen[isLocked(lockFile) ? "locked" : "free"]++;
      await new Promise(setImmediate);
    }
    await upgraded;
    expect(await deployed.status()).toMatchObject({ version: "2", pid: deployed.pid });
    expect(seen.free).toBe(0);
    expect(seen.locked).toBeGreaterThan(100);
    deployed.deploy("last", release("3", { lockFile: other }));
    await deployed.reload();
    expect(await deployed.status()).toMatchObject({ version: "3" });
    expect([isLocked(lockFile), isLocked(other)]).toEqual([false, true]);
  });
});
