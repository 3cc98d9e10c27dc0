// The log file: all processes write to it, and to the next one after a rotation.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { requestReload } from "@fieldpost/supervisor/control";
import { describe, expect, it, onTestFinished } from "vitest";

import { eventually, fixture, runFixture, startSupervised, withDefaults } from "./harness.ts";
import type { Running, Supervised } from "./harness.ts";
import { release, startReleases } from "./releases.ts";

function makeFolder(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "supervisor-log-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const startChatty = (logFile: string): Promise<Supervised> =>
  startSupervised({ worker: "chatty-worker", logFile });

const read = (file: string): string => fs.readFileSync(file, "utf8");

/** Where standard output and error of these processes go. */
const outputsOf = (pids: readonly number[]): string[] =>
  pids.flatMap((pid) => [1, 2].map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`)));

/** The next log event with this message. */
function nextLog({ event, events }: Running, msg: string): ReturnType<Running["event"]> {
  const seen = new Set(events);
  return event("log", (one) => one.msg === msg && !seen.has(one));
}

/** What each slot has written, in its order. */
function numbersIn(text: string): number[][] {
  const bySlot: number[][] = [[], []];
  for (const [, slot, number] of text.matchAll(/^line (\d) (\d+)$/gm)) {
    bySlot[Number(slot)]?.push(Number(number));
  }
  return bySlot;
}

describe("a log file", () => {
  it("gets standard output and error of all processes, after what is in it", async () => {
    const file = path.join(makeFolder(), "log");
    fs.writeFileSync(file, "before\n");
    const { pid, workerPids } = await startChatty(file);
    expect(outputsOf([pid, ...workerPids])).toEqual(Array.from({ length: 6 }, () => file));
    await eventually(() => read(file).includes("line 1 1\n") && read(file).includes("line 0 1\n"));
    expect(read(file)).toMatch(/^before\n/);
  });

  it("is made for its owner and those who read logs; a relative path is one of the start", async () => {
    const dir = makeFolder();
    const { status } = spawnSync(
      process.execPath,
      [
        "--conditions=@fieldpost/source",
        fixture("daemon"),
        JSON.stringify({ logFile: "log", listeners: [] }),
      ],
      { cwd: dir, encoding: "utf8" },
    );
    expect(status).toBe(7);
    expect(fs.readdirSync(dir)).toEqual([]);
    const options = withDefaults("failing-worker", { logFile: "log", args: ["before-join"] });
    const failed = spawnSync(
      process.execPath,
      ["--conditions=@fieldpost/source", fixture("daemon"), JSON.stringify(options)],
      { cwd: dir, encoding: "utf8" },
    );
    expect(failed.status).toBe(7);
    expect(fs.statSync(path.join(dir, "log")).mode & 0o777).toBe(0o640);
  });

  it("has the reason of a start that failed, which whoever started it hears as well", () => {
    const file = path.join(makeFolder(), "log");
    const options = withDefaults("failing-worker", { logFile: file, args: ["before-join"] });
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--conditions=@fieldpost/source", fixture("daemon"), JSON.stringify(options)],
      { encoding: "utf8" },
    );
    expect({ status, stdout }).toEqual({ status: 7, stdout: "" });
    expect(stderr).toMatch(
      /^failed: SupervisorError: worker \d failed before it was ready: .*no such store/s,
    );
    expect(read(file)).toMatch(/^supervisor: not started error="worker \d failed .*no such store/m);
  });

  it("is opened anew by SIGUSR1: nobody writes to the old one then, and no line is lost", async () => {
    const file = path.join(makeFolder(), "log");
    const supervised = await startChatty(file);
    const rotated: string[] = [];
    for (let i = 0; i < 5; i++) {
      await eventually(() => numbersIn(read(file)).every(({ length }) => length > 20));
      fs.renameSync(file, `${file}.${i}`);
      const reopened = nextLog(supervised, "log file reopened");
      supervised.signal("SIGUSR1");
      await supervised.event("signal", ({ signal }) => signal === "SIGUSR1");
      expect(await reopened).toMatchObject({ path: file });
      rotated.push(read(`${file}.${i}`));
      expect(outputsOf([supervised.pid, ...supervised.workerPids])).toEqual(
        Array.from({ length: 6 }, () => file),
      );
    }
    supervised.signal("SIGTERM");
    await supervised.exited;
    for (const [index, text] of rotated.entries()) expect(read(`${file}.${index}`)).toBe(text);
    for (const numbers of numbersIn([...rotated, read(file)].join(""))) {
      expect(numbers).toEqual(numbers.map((_, index) => index));
      expect(numbers.length).toBeGreaterThan(100);
    }
  });

  it("is opened anew once for many signals that come together, and then once more", async () => {
    const file = path.join(makeFolder(), "log");
    const supervised = await startChatty(file);
    for (let i = 0; i < 20; i++) process.kill(supervised.pid, "SIGUSR1");
    fs.renameSync(file, `${file}.1`);
    const reopened = nextLog(supervised, "log file reopened");
    process.kill(supervised.pid, "SIGUSR1");
    await reopened;
    await eventually(() => outputsOf([supervised.pid, ...supervised.workerPids]).every((to) => to === file));
  });

  it("that cannot be opened anew stays in use, and the next signal tries again", async () => {
    const dir = path.join(makeFolder(), "logs");
    fs.mkdirSync(dir);
    const file = path.join(dir, "log");
    const supervised = await startChatty(file);
    fs.renameSync(dir, `${dir}.gone`);
    supervised.signal("SIGUSR1");
    const failed = await supervised.event(
      "log",
      ({ msg }) => msg?.startsWith("log file not reopened") === true,
    );
    expect(failed).toMatchObject({
      level: "error",
      error: `cannot write the log file ${file} (ENOENT): its folder must exist`,
    });
    await supervised.event("signal", ({ signal }) => signal === "SIGUSR1");
    const { length } = read(path.join(`${dir}.gone`, "log"));
    await eventually(() => read(path.join(`${dir}.gone`, "log")).length > length);
    fs.mkdirSync(dir);
    const reopened = nextLog(supervised, "log file reopened");
    supervised.signal("SIGUSR1");
    await reopened;
    await eventually(() => numbersIn(read(file)).every((numbers) => numbers.length > 0));
  });

  it("on a disk that is full costs lines, and nothing else", async () => {
    const [pidFile, controlPath] = ["pid", "control"].map((name) => path.join(makeFolder(), name));
    const options = { logFile: "/dev/full", pidFile, controlPath, canaryMs: 0 };
    const running = runFixture("daemon", withDefaults("http-worker", options));
    await eventually(() => fs.existsSync(pidFile!));
    expect(await requestReload(controlPath!)).toMatchObject({ replaced: 2 });
    running.signal("SIGTERM");
    expect(await running.exited).toEqual({ code: 0, signal: null });
  });

  it.each([
    ["without a folder", "/nowhere/log", "(ENOENT): its folder must exist"],
    ["that is a folder", "/", "(EISDIR): it must be a file, not a folder"],
  ])("%s is refused before a worker starts", async (_, logFile, why) => {
    const running = runFixture("supervise", withDefaults("http-worker", { logFile }));
    expect(await running.event("failed")).toMatchObject({
      code: "LOG_FILE_FAILED",
      message: `SupervisorError: cannot write the log file ${logFile} ${why}`,
    });
    await running.exited;
    expect(running.events.filter(({ event }) => event === "log")).toEqual([]);
  });
});

describe("after an upgrade a log file", () => {
  it("is that of the new version, for all processes", async () => {
    const dir = makeFolder();
    const [one, two] = [path.join(dir, "one"), path.join(dir, "two")];
    const deployed = await startReleases(release("1", { logFile: one }), one);
    const all = (): number[] => [deployed.pid, ...deployed.children().map(({ pid }) => pid)];
    const isAt = (file: string): boolean => outputsOf(all()).every((to) => to === file);
    expect(isAt(one)).toBe(true);
    // Its own workers cannot be started, so that the old ones stay.
    const stuck = `
      import { joinSupervisor } from "@fieldpost/supervisor/worker";
      await joinSupervisor();
      throw new Error("no");
    `;
    deployed.deploy("stuck", { ...release("2", { logFile: two }), worker: stuck });
    await expect(deployed.reload()).rejects.toThrow("no");
    await eventually(() => deployed.children().length === 2 && isAt(two));
    expect(read(one)).toMatch(/supervisor: upgrading newer=\S+\n$/);
    expect(read(two)).toMatch(/^supervisor: reload asked for cause="upgrade"/);
    // Moved away while nobody hears a signal: the new version opens it anew all the same.
    fs.renameSync(two, `${two}.1`);
    deployed.deploy("later", release("3", { logFile: two }));
    expect(await deployed.reload()).toMatchObject({ upgraded: true });
    await eventually(() => deployed.children().length === 2 && isAt(two));
  });

  it("that the new version cannot open is the old one", async () => {
    const file = path.join(makeFolder(), "log");
    const deployed = await startReleases(release("1", { logFile: file }), file);
    deployed.deploy("later", release("2", { logFile: "/nowhere/log" }));
    expect(await deployed.reload()).toMatchObject({ upgraded: true });
    expect(deployed.output()).toContain("cannot open the log file of the new version");
    expect(outputsOf([deployed.pid])).toEqual([file, file]);
  });
});
