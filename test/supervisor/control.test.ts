// The control socket, asked by this process and by strangers.
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

import { ControlError, requestReload, requestStatus } from "@fieldpost/supervisor/control";
import { describe, expect, it, onTestFinished } from "vitest";

import { eventually, isAlive, runFixture, startSupervised, withDefaults } from "./harness.ts";
import type { Supervised } from "./harness.ts";

function makeFolder(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "supervisor-control-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function startControlled(
  options: Partial<Parameters<typeof startSupervised>[0]> = {},
): Promise<Supervised & { controlPath: string }> {
  const controlPath = path.join(makeFolder(), "control");
  const supervised = await startSupervised({ worker: "tcp-worker", canaryMs: 0, controlPath, ...options });
  return { ...supervised, controlPath };
}

/** What one connection gets for these bytes, until it has so many lines. */
async function exchange(controlPath: string, bytes: string, count: number): Promise<unknown[]> {
  const socket = net.connect({ path: controlPath });
  onTestFinished(() => void socket.destroy());
  socket.write(bytes);
  let text = "";
  socket.on("data", (chunk) => (text += String(chunk)));
  await eventually(() => text.split("\n").length > count);
  return text
    .split("\n")
    .slice(0, count)
    .map((line): unknown => JSON.parse(line));
}

const failure = (promise: Promise<unknown>): Promise<ControlError> =>
  promise.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => error as ControlError,
  );

describe("the control socket", () => {
  it("tells the status", async () => {
    const { controlPath, pid, workerPids } = await startControlled({ version: "1.2.3" });
    const status = await requestStatus(controlPath);
    expect(status).toMatchObject({ pid, phase: "running", version: "1.2.3", nodeVersion: process.version });
    expect(Date.parse(status.startTime)).toBeLessThanOrEqual(Date.now());
    expect(status.workers).toMatchObject([
      { slot: 0, pid: workerPids[0], state: "ready", generation: 1, restarts: 0, connections: 0 },
      { slot: 1, pid: workerPids[1], state: "ready", generation: 1, restarts: 0, connections: 0 },
    ]);
  });

  it("counts the deaths of a slot, and not its replacements", async () => {
    const supervised = await startControlled();
    process.kill(supervised.workerPids[1] ?? 0, "SIGKILL");
    await supervised.event("log", ({ msg, generation }) => msg === "worker ready" && generation === 2);
    await requestReload(supervised.controlPath);
    await eventually(async () => {
      const { workers } = await requestStatus(supervised.controlPath);
      return workers.every(({ predecessor }) => predecessor === undefined);
    });
    const { workers } = await requestStatus(supervised.controlPath);
    expect(workers.map(({ generation, restarts }) => [generation, restarts])).toEqual([
      [2, 0],
      [3, 1],
    ]);
  });

  it("answers a reload when it is done", async () => {
    const { controlPath, status } = await startControlled();
    expect(await requestReload(controlPath)).toMatchObject({ replaced: 2 });
    expect((await status()).workers).toMatchObject([
      { generation: 2, state: "ready" },
      { generation: 2, state: "ready" },
    ]);
  });

  it("answers a reload that fails with the worker's error", async () => {
    const { controlPath } = await startControlled({ worker: "failing-worker", args: ["before-join", "2"] });
    const error = await failure(requestReload(controlPath));
    expect(error).toBeInstanceOf(ControlError);
    expect(error.code).toBe("RELOAD_FAILED");
    expect(error.message).toContain("no such store: /nowhere");
  });

  it("answers each of a thousand reloads at once", async () => {
    const { controlPath, status } = await startControlled();
    const results = await Promise.all(Array.from({ length: 1000 }, () => requestReload(controlPath)));
    expect(results.every(({ replaced }) => replaced === 2)).toBe(true);
    // How many runs they share depends on how they arrive, not on how many they are.
    const [worker] = (await status()).workers;
    expect(worker?.generation).toBeLessThan(20);
  });

  it("refuses what it does not know, and goes on", async () => {
    const { controlPath } = await startControlled();
    const refusal = { v: 1, t: "failed", code: "REQUEST_INVALID" };
    const lines = '{"t":"explode"}\nnonsense\n[1]\nnull\n{"v":1,"t":"status"}\n';
    expect(await exchange(controlPath, lines, 5)).toMatchObject([
      refusal,
      refusal,
      refusal,
      refusal,
      { v: 1, t: "status", status: { phase: "running" } },
    ]);
  });

  it("ends a connection that sends a line without end", async () => {
    const { controlPath } = await startControlled();
    const socket = net.connect({ path: controlPath });
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    for (let i = 0; i < 80; i++) socket.write("x".repeat(64 * 1024));
    await closed;
    expect((await requestStatus(controlPath)).phase).toBe("running");
  });

  it("is nobody's but its owner's, and goes with the supervisor", async () => {
    const { controlPath, signal, exited } = await startControlled();
    expect(fs.statSync(controlPath).mode & 0o777).toBe(0o600);
    signal("SIGTERM");
    expect((await exited).code).toBe(0);
    expect(fs.existsSync(controlPath)).toBe(false);
    const error = await failure(requestStatus(controlPath));
    expect(error.code).toBe("UNREACHABLE");
    expect(error.message).toBe(`no supervisor answers at ${controlPath} (ENOENT)`);
  });

  it("answers a reload that a stop ends", async () => {
    const { controlPath, event, signal, exited } = await startControlled({ canaryMs: 600_000 });
    const reload = failure(requestReload(controlPath));
    await event("log", ({ msg, generation }) => msg === "worker ready" && generation === 2);
    signal("SIGTERM");
    const error = await reload;
    expect(error.code).toBe("RELOAD_FAILED");
    expect((await exited).code).toBe(0);
  });

  it("says of a supervisor that is killed that it has ended", async () => {
    const { controlPath, event, signal } = await startControlled({ canaryMs: 600_000 });
    const reload = failure(requestReload(controlPath));
    await event("log", ({ msg, generation }) => msg === "worker ready" && generation === 2);
    signal("SIGKILL");
    expect((await reload).code).toBe("CLOSED");
    // What it left does not keep the next one from starting.
    const next = runFixture("supervise", withDefaults("tcp-worker", { controlPath }));
    await next.event("ready");
    expect((await requestStatus(controlPath)).pid).toBe(next.pid);
  });

  it("is refused while another supervisor answers there, and leaves nothing open", async () => {
    const { controlPath, pid } = await startControlled();
    const second = runFixture("supervise", withDefaults("tcp-worker", { controlPath }));
    expect(await second.event("failed")).toMatchObject({
      code: "ADDRESS_IN_USE",
      message: `SupervisorError: unix:${controlPath} is already in use by another process`,
    });
    expect((await second.exited).code).toBe(1);
    const pids = second.events.map((event) => event.pid ?? 0).filter(Boolean);
    expect(pids.filter(isAlive)).toEqual([]);
    expect((await requestStatus(controlPath)).pid).toBe(pid);
  });

  it.each([
    { controlPath: "/proc/self/status/control", code: "BIND_FAILED", message: "ENOTDIR" },
    { controlPath: "/nowhere/control", code: "BIND_FAILED", message: "ENOENT" },
    { controlPath: "/dev/null", code: "BIND_FAILED", message: "is not a socket" },
    { controlPath: "relative", message: "needs an absolute path" },
    { controlPath: `/${"x".repeat(120)}`, message: "of more than 107 bytes" },
  ])("has a path that fits: $message", async ({ controlPath, code, message }) => {
    const running = runFixture("supervise", withDefaults("tcp-worker", { controlPath }));
    const failed = await running.event("failed");
    expect(failed.code).toBe(code ?? "ADDRESS_INVALID");
    expect(failed.message).toContain(message);
  });
});
