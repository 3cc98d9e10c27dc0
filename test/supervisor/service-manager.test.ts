// What a service manager hears: sd_notify(3), on real datagram sockets.
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { eventually, get, getJson, runFixture, startSupervised } from "./harness.ts";
import type { Running } from "./harness.ts";

/** What came, but for the signs of life; times as `µs`. */
function heard(manager: Running): string[] {
  return manager.events
    .filter(({ event, message }) => event === "datagram" && message !== "WATCHDOG=1")
    .map(({ message = "" }) => message.replace(/\d{6,}/, "µs"));
}

async function startManager(at?: string): Promise<{ manager: Running; address: string }> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "supervisor-notify-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  const address = at ?? path.join(dir, "notify");
  const manager = runFixture("datagrams", address, {});
  await manager.event("listening");
  return { manager, address };
}

describe("a service manager", () => {
  it.each(["a path", "an abstract address"])("at %s hears of start, reload and stop", async (kind) => {
    const { manager, address } = await startManager(
      kind === "a path" ? undefined : `@fieldpost-test-${process.pid}`,
    );
    const supervised = await startSupervised(
      { worker: "http-worker", canaryMs: 0 },
      { NOTIFY_SOCKET: address },
    );
    const before = process.hrtime.bigint() / 1000n;
    await supervised.ask({ ask: "reload" }, "reloaded");
    await eventually(() => heard(manager).length === 3);
    supervised.signal("SIGTERM");
    expect((await supervised.exited).code).toBe(0);
    await eventually(() => heard(manager).length === 4);
    expect(heard(manager)).toEqual([
      "READY=1\nSTATUS=2 workers",
      "RELOADING=1\nMONOTONIC_USEC=µs\nSTATUS=replacing the workers",
      "READY=1\nSTATUS=2 workers",
      "STOPPING=1\nSTATUS=finishing what is in flight",
    ]);
    // The clock is CLOCK_MONOTONIC, which all processes of the machine share.
    const reloading = manager.events.find(({ message = "" }) => message.startsWith("RELOADING"));
    const usec = BigInt(/MONOTONIC_USEC=(\d+)/.exec(reloading?.message ?? "")?.[1] ?? 0);
    expect(usec).toBeGreaterThanOrEqual(before);
    expect(usec).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n);
  });

  it("hears that it is ready again after a reload that failed", async () => {
    const { manager, address } = await startManager();
    const supervised = await startSupervised(
      { worker: "failing-worker", workers: 1, args: ["before-join", "2"] },
      { NOTIFY_SOCKET: address },
    );
    await supervised.ask({ ask: "reload" }, "reloaded");
    await eventually(() => heard(manager).length === 3);
    expect(heard(manager)[2]).toBe("READY=1\nSTATUS=1 worker");
  });

  it("hears signs of life as long as every worker answers", async () => {
    const { manager, address } = await startManager();
    const signs = (): number => manager.events.filter(({ message }) => message === "WATCHDOG=1").length;
    const supervised = await startSupervised(
      { worker: "http-worker", workers: 1, watchdogMs: 0 },
      { NOTIFY_SOCKET: address, WATCHDOG_USEC: "400000" },
    );
    await eventually(() => signs() >= 3);
    const agent = new http.Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    await get(supervised.target, "/spin", agent);
    // The last ones may be on their way; then there is silence, as nothing else ends the loop here.
    let before = -1;
    await eventually(async () => {
      before = signs();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return signs() === before;
    });
    expect(signs()).toBe(before);
  });

  it("of another process (WATCHDOG_PID) gets no signs of life, and workers are told of none", async () => {
    const { manager, address } = await startManager();
    const supervised = await startSupervised(
      { worker: "http-worker", workers: 1 },
      { NOTIFY_SOCKET: address, WATCHDOG_USEC: "40000", WATCHDOG_PID: "1" },
    );
    const env = await getJson<Record<string, string>>(supervised.target, "/env");
    expect(Object.keys(env).filter((name) => /^(NOTIFY|WATCHDOG)_/.test(name))).toEqual([]);
    supervised.signal("SIGTERM");
    await supervised.exited;
    await eventually(() => heard(manager).length === 2);
    expect(manager.events.filter(({ message }) => message === "WATCHDOG=1")).toEqual([]);
  });

  it("that does not listen is a warning, once, and no reason to end", async () => {
    const supervised = await startSupervised(
      { worker: "http-worker", workers: 1, canaryMs: 0 },
      { NOTIFY_SOCKET: "/nowhere/notify" },
    );
    await supervised.ask({ ask: "reload" }, "reloaded");
    const warnings = supervised.events.filter(({ msg }) => msg === "the service manager does not listen");
    expect(warnings).toMatchObject([{ error: "SystemCallError: sendto: ENOENT" }]);
  });
});
