import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import {
  eventually,
  get,
  getJson,
  gone,
  greet,
  isAlive,
  refused,
  runFixture,
  startSupervised,
  targetOf,
  withDefaults,
} from "./harness.ts";

const maxBacklog = Number(fs.readFileSync("/proc/sys/net/core/somaxconn", "utf8"));
const hasIpv6 = Object.values(os.networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);

function temporaryPath(name: string): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "supervisor-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  return path.join(folder, name);
}

describe("a slot", () => {
  it("is spread over all workers on one port", async () => {
    const { target } = await startSupervised({ worker: "tcp-worker" });
    const slots = new Set<number>();
    await eventually(async () => slots.add((await greet(target)).slot).size === 2);
    expect(slots).toEqual(new Set([0, 1]));
  });

  it("serves the connections that were queued for a worker that was killed", async () => {
    const { target, workerPids } = await startSupervised({ worker: "tcp-worker", watchdogMs: 0 });
    const victim = workerPids[0] ?? 0;
    process.kill(victim, "SIGSTOP"); // it accepts nothing, so about half of these stay in its queue
    const sockets = Array.from({ length: 40 }, () => net.connect(target));
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    const greetings = sockets.map((socket) => once(socket, "data"));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    process.kill(victim, "SIGKILL");
    const lines = (await Promise.all(greetings)).map(([line]) => String(line));
    expect(lines.filter((line) => line.endsWith(` ${victim}\n`))).toEqual([]);
    expect(lines).toHaveLength(40);
  });

  it("keeps its queue for the successor when there is no sibling", async () => {
    const { target, workerPids } = await startSupervised({ worker: "tcp-worker", workers: 1, watchdogMs: 0 });
    const victim = workerPids[0] ?? 0;
    process.kill(victim, "SIGSTOP");
    // More than the 511 to which Node cuts a backlog by itself; beyond it a connection would hang here.
    const sockets = Array.from({ length: Math.min(600, maxBacklog) }, () => net.connect(target));
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    const greetings = sockets.map((socket) => once(socket, "data"));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    process.kill(victim, "SIGKILL");
    const lines = (await Promise.all(greetings)).map(([line]) => String(line));
    expect(lines.filter((line) => line.startsWith("0 2 "))).toHaveLength(sockets.length);
  });

  it("is adopted while its worker crashes in a loop: 100 of 100 connections are served", async () => {
    const supervised = await startSupervised({ worker: "http-worker", args: ["--crash-loop"] });
    process.kill(supervised.workerPids[0] ?? 0, "SIGKILL");
    await supervised.event("log", ({ msg, generation }) => msg === "worker died" && generation === 2);
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => getJson<{ slot: number }>(supervised.target, "/")),
    );
    expect(answers.filter(({ slot }) => slot === 1)).toHaveLength(100);
    expect((await supervised.status()).workers[1]?.adopted).toEqual([0]);
  });

  it("is released when the successor is ready, and can be adopted again and again", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker" });
    for (const generation of [2, 3, 4]) {
      process.kill((await supervised.status()).workers[0]?.pid ?? 0, "SIGKILL");
      await supervised.event(
        "log",
        (event) => event.msg === "worker ready" && event.generation === generation,
      );
      await eventually(async () => (await supervised.status()).workers[1]?.adopted.length === 0);
      const greetings = await Promise.all(Array.from({ length: 40 }, () => greet(supervised.target)));
      expect(new Set(greetings.map((each) => `${each.slot}.${each.generation}`))).toEqual(
        new Set([`0.${generation}`, "1.1"]),
      );
    }
  });

  it("is adopted for every listener", async () => {
    const supervised = await startSupervised({
      worker: "http-worker",
      args: ["--crash-loop"],
      listeners: ["a", "b"].map((name) => ({ name, address: "127.0.0.1:0" })),
    });
    process.kill(supervised.workerPids[0] ?? 0, "SIGKILL");
    await supervised.event("log", ({ msg, generation }) => msg === "worker died" && generation === 2);
    const { listeners } = await supervised.status();
    for (const { address } of listeners) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => get(targetOf(address), "/")));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    }
  });
});

describe("an address", () => {
  it("is refused by name when another supervisor has it", async () => {
    const first = await startSupervised({ worker: "tcp-worker" });
    const address = (await first.status()).listeners[0]?.address ?? "";
    const second = runFixture(
      "supervise",
      withDefaults("tcp-worker", { listeners: [{ name: "tcp", address }] }),
    );
    expect(await second.event("failed")).toMatchObject({
      code: "ADDRESS_IN_USE",
      message: `SupervisorError: ${address} is already in use by another process`,
    });
    expect((await second.exited).code).toBe(1);
    await greet(first.target);
  });

  it("leaves no socket open when a later one is refused", async () => {
    const taken = net.createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const bound = taken.address();
    const port = typeof bound === "object" ? bound?.port : undefined;
    const socketPath = temporaryPath("first.sock");
    const listeners = [
      { name: "first", address: `unix:${socketPath}` },
      { name: "second", address: `127.0.0.1:${port}` },
    ];
    const refusedStart = runFixture("supervise", withDefaults("tcp-worker", { listeners }));
    expect(await refusedStart.event("failed")).toMatchObject({ code: "ADDRESS_IN_USE" });
    expect(fs.existsSync(socketPath)).toBe(false);
  });

  it("may be a name", async () => {
    const supervised = await startSupervised({
      worker: "tcp-worker",
      listeners: [{ name: "tcp", address: "localhost:0" }],
    });
    expect((await supervised.status()).listeners[0]?.address).toMatch(/^127\.0\.0\.1:\d+$/);
    await greet(supervised.target);
  });

  it("is refused when its name has no address", async () => {
    const listeners = [{ name: "tcp", address: "no-such-host.invalid:80" }];
    const running = runFixture("supervise", withDefaults("tcp-worker", { listeners }));
    expect(await running.event("failed")).toMatchObject({
      code: "ADDRESS_INVALID",
      message: "SupervisorError: cannot resolve the host of no-such-host.invalid:80",
    });
  });

  it("is free again after the stop", async () => {
    const first = await startSupervised({ worker: "tcp-worker" });
    const { socket } = await greet(first.target); // leaves a TIME_WAIT behind
    const { listeners } = await first.status();
    socket.end();
    first.signal("SIGTERM");
    expect(await first.exited).toEqual({ code: 0, signal: null });
    const second = await startSupervised({ worker: "tcp-worker", listeners });
    await greet(second.target);
  });

  it.skipIf(!hasIpv6)(
    `may be IPv6 (${hasIpv6 ? "::1 is present" : "skipped: this machine has no ::1"})`,
    async () => {
      const supervised = await startSupervised({
        worker: "tcp-worker",
        listeners: [{ name: "tcp", address: "[::1]:0" }],
      });
      expect((await supervised.status()).listeners[0]?.address).toMatch(/^\[::1\]:\d+$/);
      const slots = new Set<number>();
      await eventually(async () => slots.add((await greet(supervised.target)).slot).size === 2);
    },
  );
});

function listenersAt(socketPath: string): { name: string; address: string }[] {
  return [{ name: "tcp", address: `unix:${socketPath}` }];
}

describe("a unix socket", () => {
  it("is shared by all workers and removed at the end", async () => {
    const socketPath = temporaryPath("shared.sock");
    const supervised = await startSupervised({ worker: "tcp-worker", listeners: listenersAt(socketPath) });
    const slots = new Set<number>();
    await eventually(async () => {
      const greetings = await Promise.all(Array.from({ length: 50 }, () => greet(supervised.target)));
      for (const { slot, socket } of greetings) {
        slots.add(slot);
        socket.destroy();
      }
      return slots.size === 2;
    });
    supervised.signal("SIGTERM");
    expect((await supervised.exited).code).toBe(0);
    expect(fs.existsSync(socketPath)).toBe(false);
  });

  it("serves on when one of its workers is killed", async () => {
    const supervised = await startSupervised({
      worker: "tcp-worker",
      listeners: listenersAt(temporaryPath("kill.sock")),
    });
    process.kill(supervised.workerPids[0] ?? 0, "SIGKILL");
    const greetings = await Promise.all(Array.from({ length: 40 }, () => greet(supervised.target)));
    expect(greetings.map(({ pid }) => pid)).not.toContain(supervised.workerPids[0]);
  });

  it("is refused while somebody answers on it", async () => {
    const socketPath = temporaryPath("taken.sock");
    const first = await startSupervised({ worker: "tcp-worker", listeners: listenersAt(socketPath) });
    const second = runFixture(
      "supervise",
      withDefaults("tcp-worker", { listeners: listenersAt(socketPath) }),
    );
    expect(await second.event("failed")).toMatchObject({
      code: "ADDRESS_IN_USE",
      message: `SupervisorError: unix:${socketPath} is already in use by another process`,
    });
    await greet(first.target);
  });

  it("is taken over from a supervisor that was killed", async () => {
    const socketPath = temporaryPath("stale.sock");
    const first = await startSupervised({ worker: "tcp-worker", listeners: listenersAt(socketPath) });
    first.signal("SIGKILL");
    await gone(first.workerPids);
    expect(fs.existsSync(socketPath)).toBe(true);
    const second = await startSupervised({ worker: "tcp-worker", listeners: listenersAt(socketPath) });
    await greet(second.target);
  });

  it("never replaces a file that is no socket", async () => {
    const socketPath = temporaryPath("letter.txt");
    fs.writeFileSync(socketPath, "dear reader");
    const running = runFixture(
      "supervise",
      withDefaults("tcp-worker", { listeners: listenersAt(socketPath) }),
    );
    expect(await running.event("failed")).toMatchObject({ code: "BIND_FAILED" });
    expect(fs.readFileSync(socketPath, "utf8")).toBe("dear reader");
  });
});

describe("a supervisor that is killed", () => {
  it("leaves workers that close their listeners, finish what they have and end", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker" });
    const { socket, pid } = await greet(supervised.target);
    const killTime = performance.now();
    supervised.signal("SIGKILL");
    await refused(supervised.target);
    const elapsed = performance.now() - killTime;
    process.stdout.write(`${elapsed.toFixed(0)} ms after kill -9 of the supervisor no worker listens\n`);
    socket.write("still there?");
    expect(String((await once(socket, "data"))[0])).toBe("still there?");
    expect(isAlive(pid)).toBe(true);
    socket.end();
    await gone(supervised.workerPids);
  });
});
