// A program in the background, as the person sees it who starts it.
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { once } from "node:events";

import type { SupervisorOptions } from "@fieldpost/supervisor";
import { requestReload, requestStatus } from "@fieldpost/supervisor/control";
import { describe, expect, it, onTestFinished } from "vitest";

import { endMarked, eventually, fixture, get, gone, isAlive, targetOf, withDefaults } from "./harness.ts";
import { childrenOf, release, startReleases } from "./releases.ts";

function makeFolder(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "supervisor-daemon-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

interface Launching {
  pid: number;
  signal: (signal: NodeJS.Signals) => void;
  /** All that it came to, when nobody holds its outputs any more. */
  ended: Promise<{
    code: number | null;
    signal: NodeJS.Signals | null;
    launch: Record<string, unknown>;
    stderr: string;
  }>;
  /** The process that it has started, while there is one. */
  daemon: () => number | undefined;
}

function launch(
  worker: string,
  options: Partial<SupervisorOptions>,
  env: Record<string, string> = {},
): Launching {
  const mark = randomUUID();
  const inherited = { ...process.env };
  delete inherited["npm_lifecycle_event"];
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
    process.execPath,
    [
      "--conditions=@fieldpost/source",
      fixture("daemon"),
      JSON.stringify({ daemon: true, canaryMs: 0, ...withDefaults(worker, options) }),
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...inherited, SUPERVISOR_TEST: mark, ...env } },
  );
  onTestFinished(() => endMarked(mark));
  const pid = child.pid!;
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]).then(
    ([stdout, stderr, [code, signal]]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      launch: JSON.parse(stdout === "" ? "{}" : stdout) as Record<string, unknown>,
      stderr,
    }),
  );
  return { pid, signal: (signal) => void child.kill(signal), ended, daemon: () => childOf(pid) };
}

/** The first child of a process. */
const childOf = (pid: number | undefined): number | undefined =>
  pid === undefined ? undefined : childrenOf(pid)[0]?.pid;

/** Fields of /proc/PID/stat after the name: state, parent, group, session, terminal. */
const statOf = (pid: number): string[] =>
  fs
    .readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");

describe("a program in the background", () => {
  it("serves when the process that started it ends, and has nothing of its terminal", async () => {
    const logFile = path.join(makeFolder(), "log");
    const { ended, pid } = launch("http-worker", { logFile });
    const { code, launch: ready, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(ready).toMatchObject({ kind: "ready", listeners: [{ name: "main" }] });
    const { pid: daemon, listeners } = ready as { pid: number; listeners: { address: string }[] };
    expect(daemon).not.toBe(pid);
    expect((await get(targetOf(listeners[0]!.address), "/")).status).toBe(200);
    const [, , group, session, terminal] = statOf(daemon);
    expect({ group, session, terminal }).toEqual({
      group: String(daemon),
      session: String(daemon),
      terminal: "0",
    });
    const [stdin, stdout, errors] = [0, 1, 2].map((fd) => fs.readlinkSync(`/proc/${daemon}/fd/${fd}`));
    expect([stdin, stdout, errors]).toEqual(["/dev/null", logFile, logFile]);
    expect(fs.readlinkSync(`/proc/${daemon}/cwd`)).toBe(process.cwd());
    // Its workers are not told of it.
    const env = JSON.parse((await get(targetOf(listeners[0]!.address), "/env")).body) as object;
    expect(Object.keys(env).filter((name) => name.startsWith("FIELDPOST_INTERNAL"))).toEqual([]);
    process.kill(daemon, "SIGTERM");
    await gone([daemon]);
    expect(fs.readFileSync(logFile, "utf8")).toContain("supervisor: stopped exitCode=0");
  });

  it("lives on when npm ends, which started it", async () => {
    const dir = makeFolder();
    const options = { logFile: path.join(dir, "log"), controlPath: path.join(dir, "control") };
    const { ended } = launch("http-worker", options, { npm_lifecycle_event: "start" });
    const { pid } = (await ended).launch as { pid: number };
    // The kernel sends the signal for a parent's death at that death.
    expect(await requestReload(options.controlPath)).toMatchObject({ replaced: 2 });
    expect(isAlive(pid)).toBe(true);
  });

  it("that does not start says why, and the process that started it ends with its code", async () => {
    const logFile = path.join(makeFolder(), "log");
    const {
      code,
      launch: failed,
      stderr,
    } = await launch("failing-worker", { logFile, args: ["before-join"] }).ended;
    expect(code).toBe(7);
    expect(failed).toEqual({ kind: "failed", exitCode: 7 });
    expect(stderr).toMatch(/^failed: SupervisorError: worker .* no such store/s);
    expect(fs.readFileSync(logFile, "utf8")).toContain("supervisor: not started");
  });

  it("needs a log file", async () => {
    const { code, stderr } = await launch("http-worker", {}).ended;
    expect(code).toBe(7);
    expect(stderr).toBe(
      "failed: SupervisorError: a daemon needs logFile: nobody reads its standard output\n",
    );
  });

  it("that is killed before it serves is told so", async () => {
    const dir = makeFolder();
    const { ended, daemon } = launch("failing-worker", {
      logFile: path.join(dir, "log"),
      pidFile: path.join(dir, "pid"),
      args: ["never"],
    });
    await eventually(() => fs.existsSync(path.join(dir, "pid.new")));
    process.kill(daemon()!, "SIGKILL");
    expect(await ended).toMatchObject({
      code: 1,
      launch: { kind: "failed", exitCode: 1, message: "killed by SIGKILL before it was ready" },
    });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("ends by %s to the process that waits for it", async (signal, exitCode) => {
    const dir = makeFolder();
    const launching = launch("failing-worker", {
      logFile: path.join(dir, "log"),
      pidFile: path.join(dir, "pid"),
      args: ["never"],
    });
    // It has its workers, and so the handlers of its signals.
    await eventually(() => childOf(launching.daemon()) !== undefined);
    const daemon = launching.daemon()!;
    launching.signal(signal);
    expect(await launching.ended).toMatchObject({ code: exitCode, launch: { kind: "failed", exitCode } });
    await gone([daemon]);
    expect(fs.readdirSync(dir)).toEqual(["log"]);
  });

  it("serves also where the process that waited for it was killed", async () => {
    const dir = makeFolder();
    const [pidFile, controlPath] = [path.join(dir, "pid"), path.join(dir, "control")];
    const launching = launch("http-worker", { logFile: path.join(dir, "log"), pidFile, controlPath });
    await eventually(() => fs.existsSync(`${pidFile}.new`) || fs.existsSync(pidFile));
    launching.signal("SIGKILL");
    await launching.ended;
    await eventually(() => fs.existsSync(pidFile));
    expect(await requestStatus(controlPath)).toMatchObject({ phase: "running" });
  });

  it("is upgraded in its process, and starts no other one", async () => {
    const dir = makeFolder();
    const options = { logFile: path.join(dir, "log"), pidFile: path.join(dir, "pid") };
    const daemon = (version: string): ReturnType<typeof release> => {
      const { main, worker } = release(version, options);
      const background = `
        import { daemonize } from "@fieldpost/supervisor";
        if ((await daemonize()) !== undefined) process.exit(0);
      `;
      return { main: background + main, worker };
    };
    const deployed = await startReleases(daemon("1"), options.logFile);
    expect((await deployed.exited).code).toBe(0);
    for (const version of ["2", "3"]) {
      deployed.deploy(`v${version}`, daemon(version));
      expect(await deployed.reload()).toMatchObject({ upgraded: true });
      expect(await deployed.status()).toMatchObject({ pid: deployed.pid, version });
    }
    expect(fs.readFileSync(options.pidFile, "utf8")).toBe(`${deployed.pid}\n`);
    expect(deployed.output()).not.toContain("not started");
    deployed.signal("SIGTERM");
    await gone([deployed.pid]);
  });
});
