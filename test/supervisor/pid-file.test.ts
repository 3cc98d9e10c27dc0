// The PID file: who has it, who is refused, and what a killed one leaves.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { tryLock } from "../../server/supervisor/src/syscalls.ts";
import { eventually, get, isAlive, runFixture, startSupervised, withDefaults } from "./harness.ts";
import type { Running, Supervised } from "./harness.ts";
import { release, startReleases } from "./releases.ts";

function makeFolder(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "supervisor-pid-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const start = (pidFile: string): Promise<Supervised> => startSupervised({ worker: "http-worker", pidFile });

const run = (pidFile: string, args: string[] = [], worker = "http-worker"): Running =>
  runFixture("supervise", withDefaults(worker, { pidFile, args }));

const read = (file: string): string => fs.readFileSync(file, "utf8");

function isLocked(file: string): boolean {
  const fd = fs.openSync(file, "r");
  try {
    return !tryLock(fd, "shared");
  } finally {
    fs.closeSync(fd);
  }
}

describe("a PID file", () => {
  it("has the PID and a lock while all serve, and is gone afterwards", async () => {
    const dir = makeFolder();
    const file = path.join(dir, "pid");
    const supervised = await start(file);
    expect(read(file)).toBe(`${supervised.pid}\n`);
    expect(fs.statSync(file).mode & 0o777).toBe(0o644);
    expect(isLocked(file)).toBe(true);
    expect(fs.readdirSync(dir)).toEqual(["pid"]);
    supervised.signal("SIGTERM");
    expect(await supervised.exited).toEqual({ code: 0, signal: null });
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  it("is not inherited by workers and what they start", async () => {
    const file = path.join(makeFolder(), "pid");
    const { target, workerPids, pid } = await start(file);
    const targets = (of: number): string[] =>
      fs.readdirSync(`/proc/${of}/fd`).map((fd) => fs.readlinkSync(`/proc/${of}/fd/${fd}`));
    expect(targets(pid)).toContain(file);
    for (const worker of workerPids) expect(targets(worker)).not.toContain(file);
    expect((await get(target, "/child-fds")).body).not.toContain(file);
  });

  it("is there when all workers are ready, and not before; meanwhile others are refused already", async () => {
    const dir = makeFolder();
    const file = path.join(dir, "pid");
    const first = run(file, ["never"], "failing-worker");
    await first.event("booted");
    await eventually(() => fs.readdirSync(dir).includes("pid.new") && read(`${file}.new`) !== "");
    expect(fs.readdirSync(dir)).toEqual(["pid.new"]);
    expect(await run(file).event("failed")).toMatchObject({
      code: "PID_FILE_LOCKED",
      message: `SupervisorError: process ${first.pid} has the PID file ${file}: one supervisor at a time can have it`,
    });
    first.signal("SIGTERM");
    expect(await first.event("failed")).toMatchObject({ code: "STOPPED" });
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  it("keeps a second supervisor from starting, which says who has it", async () => {
    const dir = makeFolder();
    const file = path.join(dir, "pid");
    const first = await start(file);
    const second = run(file);
    expect(await second.event("failed")).toMatchObject({
      code: "PID_FILE_LOCKED",
      message: `SupervisorError: process ${first.pid} has the PID file ${file}: one supervisor at a time can have it`,
    });
    await second.exited;
    expect(second.events.filter(({ event }) => event === "log")).toEqual([]);
    expect(fs.readdirSync(dir)).toEqual(["pid"]);
    expect((await get(first.target, "/")).status).toBe(200);
  });

  it("that a killed supervisor left goes to exactly one of many that start at the same time", async () => {
    const dir = makeFolder();
    const file = path.join(dir, "pid");
    const killed = await start(file);
    killed.signal("SIGKILL");
    await killed.exited;
    expect(read(file)).toBe(`${killed.pid}\n`);
    const all = Array.from({ length: 5 }, () => run(file));
    const ends = await Promise.all(
      all.map(async (one) => {
        await Promise.race([one.event("ready"), one.event("failed")]).catch(() => {});
        return one.events.find(({ event }) => event === "ready" || event === "failed");
      }),
    );
    const winner = all[ends.findIndex((end) => end?.event === "ready")];
    expect(ends.filter((end) => end?.event === "ready")).toHaveLength(1);
    expect(ends.filter((end) => end?.code === "PID_FILE_LOCKED")).toHaveLength(4);
    expect(read(file)).toBe(`${winner?.pid}\n`);
    winner?.signal("SIGTERM");
    await winner?.exited;
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  it("of one that was killed while it started is in nobody's way", async () => {
    const dir = makeFolder();
    const file = path.join(dir, "pid");
    const killed = run(file, ["never"], "failing-worker");
    await eventually(() => fs.readdirSync(dir).includes("pid.new"));
    killed.signal("SIGKILL");
    await killed.exited;
    const next = await start(file);
    expect(read(file)).toBe(`${next.pid}\n`);
    expect(fs.readdirSync(dir)).toEqual(["pid"]);
  });

  it.each([
    ["without a lock, as other programs write it", " 1\n"],
    ["that is empty", ""],
  ])("%s is replaced", async (_, content) => {
    const file = path.join(makeFolder(), "pid");
    fs.writeFileSync(file, content);
    const { pid } = await start(file);
    expect(read(file)).toBe(`${pid}\n`);
  });

  it("that somebody has put in its place is left alone", async () => {
    const file = path.join(makeFolder(), "pid");
    const supervised = await start(file);
    fs.writeFileSync(`${file}.other`, "1\n");
    fs.renameSync(`${file}.other`, file);
    supervised.signal("SIGTERM");
    await supervised.exited;
    expect(read(file)).toBe("1\n");
  });

  const failures: [string, (dir: string) => string, RegExp][] = [
    ["without a folder", (dir) => path.join(dir, "none/pid"), /none\/pid \(ENOENT\): its folder must exist/],
    ["below a file", () => "/dev/null/pid", /\(ENOTDIR\): its folder must exist/],
    ["that is a folder", (dir) => dir, /exists and is not a PID file/],
    [
      "that is a symlink",
      (dir) => {
        fs.symlinkSync("elsewhere", path.join(dir, "pid"));
        return path.join(dir, "pid");
      },
      /must be a file, not a symlink/,
    ],
    [
      "that has other things in it",
      (dir) => {
        fs.writeFileSync(path.join(dir, "pid"), "root:x:0:0\n");
        return path.join(dir, "pid");
      },
      /pid exists and is not a PID file; it is left alone/,
    ],
  ];
  it.each(failures)("%s is refused before a worker starts, and nothing changes", async (_, make, why) => {
    const dir = makeFolder();
    const file = make(dir);
    const before = fs.readdirSync(dir);
    const failed = await run(file).event("failed");
    expect(failed).toMatchObject({ code: "PID_FILE_FAILED" });
    expect(failed.message).toMatch(why);
    expect(failed.message).toContain(file);
    expect(fs.readdirSync(dir)).toEqual(before);
  });

  it("cannot be the log file as well", async () => {
    const file = path.join(makeFolder(), "file");
    const options = withDefaults("http-worker", { pidFile: file, logFile: file });
    expect(await runFixture("supervise", options).event("failed")).toMatchObject({ code: "OPTION_INVALID" });
    expect(fs.existsSync(file)).toBe(false);
  });

  it("that cannot be put in its place in the end stops everything again", async () => {
    const dir = makeFolder();
    const file = path.join(dir, "pid");
    const running = run(file, ["make-folder", file], "failing-worker");
    const failed = await running.event("failed");
    expect(failed).toMatchObject({ code: "PID_FILE_FAILED" });
    expect(await running.exited).toEqual({ code: 1, signal: null });
    const ready = running.events.flatMap(({ msg, pid }) => (msg === "worker ready" ? pid! : []));
    expect(ready).toHaveLength(2);
    expect(ready.filter(isAlive)).toEqual([]);
    expect(fs.readdirSync(dir)).toEqual(["pid"]);
  });
});

describe("after an upgrade a PID file", () => {
  it("is the same, and its lock was never free", async () => {
    const pidFile = path.join(makeFolder(), "pid");
    const deployed = await startReleases(release("1", { pidFile }));
    const { ino } = fs.statSync(pidFile);
    deployed.deploy("later", release("2", { pidFile }));
    const seen = { locked: 0, free: 0 };
    let isOver = false;
    const upgraded = deployed.reload().finally(() => (isOver = true));
    while (!isOver) {
      seen[isLocked(pidFile) ? "locked" : "free"]++;
      await new Promise(setImmediate);
    }
    await upgraded;
    expect(await deployed.status()).toMatchObject({ version: "2", pid: deployed.pid });
    expect(seen.free).toBe(0);
    expect(seen.locked).toBeGreaterThan(100);
    expect(fs.statSync(pidFile).ino).toBe(ino);
    expect(read(pidFile)).toBe(`${deployed.pid}\n`);
    expect(await run(pidFile).event("failed")).toMatchObject({ code: "PID_FILE_LOCKED" });
    await eventually(() => deployed.children().length === 2);
    deployed.signal("SIGTERM");
    await deployed.exited;
    expect(fs.existsSync(pidFile)).toBe(false);
  });

  it("is another one if the new version says so, or none, or the old one if the new one is taken", async () => {
    const dir = makeFolder();
    const [one, two, taken] = ["one", "two", "taken"].map((name) => path.join(dir, name));
    const other = await start(taken!);
    const deployed = await startReleases(release("1", { pidFile: one }));
    deployed.deploy("v2", release("2", { pidFile: two }));
    await deployed.reload();
    expect(fs.readdirSync(dir).toSorted()).toEqual(["taken", "two"]);
    expect(read(two!)).toBe(`${deployed.pid}\n`);
    expect(isLocked(two!)).toBe(true);
    deployed.deploy("v3", release("3", { pidFile: taken }));
    await deployed.reload();
    expect(deployed.output()).toContain("cannot write the PID file of the new version");
    expect(read(two!)).toBe(`${deployed.pid}\n`);
    expect(read(taken!)).toBe(`${other.pid}\n`);
    deployed.deploy("v4", release("4"));
    await deployed.reload();
    expect(fs.readdirSync(dir)).toEqual(["taken"]);
  });
});
