// Replacing the workers of a supervisor that serves.
import { once } from "node:events";
import http from "node:http";

import { describe, expect, it, onTestFinished } from "vitest";

import { eventually, get, getJson, gone, greet, isAlive, startSupervised } from "./harness.ts";
import type { Supervised } from "./harness.ts";
import { connectAgainAndAgain } from "../support/short-connections.ts";

/** Short connections during the replacements; the full number is in the issue. */
const connections = Number(process.env["FIELDPOST_RELOAD_CONNECTIONS"] ?? 3000);
/** Replacements under keep-alive load. */
const replacements = Number(process.env["FIELDPOST_RELOADS"] ?? 4);

const generations = async ({ status }: Supervised): Promise<unknown> =>
  (await status()).workers.map(({ generation, state }) => [generation, state]);

async function reload(supervised: Supervised): Promise<void> {
  expect(await supervised.ask({ ask: "reload" }, "reloaded")).toMatchObject({ replaced: 2 });
}

describe("a reload", () => {
  it("replaces every worker, slot 0 first, and leaves no other process and no descriptor behind", async () => {
    const supervised = await startSupervised({ worker: "http-worker", canaryMs: 100 });
    const before = await supervised.ask({ ask: "fds" }, "fds");
    await reload(supervised);
    await gone(supervised.workerPids);
    expect(await generations(supervised)).toEqual([
      [2, "ready"],
      [2, "ready"],
    ]);
    // Each was told whom it was to replace.
    expect(await getJson(supervised.target, "/peers")).toEqual([1]);
    const readiness = supervised.events.filter(
      ({ msg, generation }) => msg === "worker ready" && generation === 2,
    );
    expect(readiness.map(({ slot }) => slot)).toEqual([0, 1]);
    const ended = ({ msg, generation }: { msg?: string; generation?: number }): boolean =>
      msg === "worker ended" && generation === 1;
    await eventually(() => supervised.events.filter(ended).length === 2);
    for (const worker of (await supervised.status()).workers) {
      expect(worker).not.toHaveProperty("predecessor");
      expect(worker).not.toHaveProperty("successor");
      expect(worker.adopted).toEqual([]);
    }
    expect(await supervised.ask({ ask: "fds" }, "fds")).toEqual(before);
  });

  it("is what SIGUSR2 asks for", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker", canaryMs: 0 });
    supervised.signal("SIGUSR2");
    await supervised.event("log", ({ msg }) => msg === "reloaded");
    expect(await supervised.event("log", ({ msg }) => msg === "reload asked for")).toMatchObject({
      cause: "SIGUSR2",
    });
  });

  it(`loses none of ${connections} short connections`, async () => {
    const supervised = await startSupervised({
      worker: "failing-worker",
      args: ["never", "1000"],
      canaryMs: 0,
    });
    const load = connectAgainAndAgain(supervised.target, 32);
    let reloads = 0;
    do {
      await reload(supervised);
      reloads++;
    } while (load.served() < connections || reloads < 2);
    const { served, failures, by } = await load.stop();
    expect(failures).toEqual({});
    expect(served).toBeGreaterThanOrEqual(connections);
    // They came to the replaced processes as well as to those that replaced them.
    expect(by.size).toBeGreaterThanOrEqual(2 * reloads);
    if (process.env["FIELDPOST_RELOAD_CONNECTIONS"]) {
      process.stdout.write(`${served} connections over ${reloads * 2} replacements: 0 failed\n`);
    }
  }, 600_000);

  it(`resets none of the requests on kept connections, through ${2 * replacements} replacements`, async () => {
    const supervised = await startSupervised({ worker: "http-worker", canaryMs: 0 });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    onTestFinished(() => agent.destroy());
    let answered = 0;
    let stopped = false;
    const failures: unknown[] = [];
    const clients = Array.from({ length: 16 }, async () => {
      while (!stopped) {
        await get(supervised.target, "/", agent).then(
          () => answered++,
          (error: unknown) => failures.push(error),
        );
      }
    });
    for (let i = 0; i < replacements; i++) await reload(supervised);
    stopped = true;
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(100);
    if (process.env["FIELDPOST_RELOADS"]) {
      process.stdout.write(
        `${answered} requests on kept connections over ${replacements * 2} replacements: 0 reset\n`,
      );
    }
  }, 600_000);

  it("waits for the canary: until it has proved itself, nobody is told to end", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker", canaryMs: 600_000 });
    supervised.send({ ask: "reload" });
    await supervised.event("log", ({ msg, generation }) => msg === "worker ready" && generation === 2);
    const { workers } = await supervised.status();
    expect(workers[1]).not.toHaveProperty("successor");
    expect(workers).toMatchObject([
      {
        pid: supervised.workerPids[0],
        generation: 1,
        state: "ready",
        successor: { generation: 2, state: "ready" },
      },
      { pid: supervised.workerPids[1], generation: 1, state: "ready" },
    ]);
    // Both accept meanwhile.
    const seen = new Set<number>();
    await eventually(async () => {
      const { socket, slot, generation } = await greet(supervised.target);
      socket.destroy();
      if (slot === 0) seen.add(generation);
      return seen.size === 2;
    });
    // A stop ends all three, and the reload.
    supervised.send({ ask: "stop" });
    expect((await supervised.event("reloaded")).message).toMatch(/the supervisor is stop|generation 2/);
    expect((await supervised.exited).code).toBe(0);
    expect([...supervised.workerPids, workers[0]?.successor?.pid ?? 0].filter(isAlive)).toEqual([]);
  });

  it("finishes what the replaced worker has in flight, and cuts it at the deadline", async () => {
    const supervised = await startSupervised({
      worker: "tcp-worker",
      workers: 1,
      canaryMs: 0,
      drainTimeoutMs: 2000,
    });
    const { socket, pid } = await greet(supervised.target);
    expect(await supervised.ask({ ask: "reload" }, "reloaded")).toMatchObject({ replaced: 1 });
    expect((await supervised.status()).workers[0]).toMatchObject({ predecessor: { pid, state: "draining" } });
    socket.write("still there?");
    expect(String((await once(socket, "data"))[0])).toBe("still there?");
    await once(socket, "close");
    await supervised.event("log", ({ msg, forced }) => msg === "worker ended" && forced === 1);
  });

  it("kills what does not end", async () => {
    const supervised = await startSupervised({
      worker: "http-worker",
      workers: 1,
      args: ["--linger"],
      canaryMs: 0,
      drainTimeoutMs: 1000,
    });
    await supervised.ask({ ask: "reload" }, "reloaded");
    const died = await supervised.event("log", ({ msg }) => msg === "worker died");
    expect(died.ending).toBe("SIGKILL: drain deadline");
    expect((await supervised.status()).workers[0]).toMatchObject({
      generation: 2,
      state: "ready",
    });
  });
});

describe("a reload with a version that", () => {
  it.each([
    { how: "syntax", message: "SyntaxError" },
    { how: "before-join", message: "no such store: /nowhere" },
    { how: "missing-module", message: "does-not-exist.ts" },
    { how: "after-join", message: "the second worker has no luck" },
    { how: "exit", message: "exit code 7" },
    { how: "unserved", message: 'listener "main" is not served' },
    { how: "never", message: "not ready within 6000 ms" },
    { how: "after-ready", message: "within 1000 ms after it was ready: exit code 9" },
  ])("is broken ($how) changes nothing and says why", async ({ how, message }) => {
    const supervised = await startSupervised({
      worker: "failing-worker",
      args: [how, "2"],
      readyTimeoutMs: how === "never" ? 6000 : 30_000,
    });
    const load = connectAgainAndAgain(supervised.target, 4);
    const answer = await supervised.ask({ ask: "reload" }, "reloaded");
    expect(answer.message).toMatch(/^SupervisorError: worker 0 \(generation 2\) failed /);
    expect(answer.message).toContain(message);
    expect(answer.message).toMatch(/; all workers serve on as they were$/);
    const status = await supervised.status();
    expect(status.workers.map(({ pid, generation, state }) => [pid, generation, state])).toEqual(
      supervised.workerPids.map((pid) => [pid, 1, "ready"]),
    );
    const { served, failures } = await load.stop();
    expect(served).toBeGreaterThan(0);
    // A connection that a process has accepted dies with it; nothing else fails, whoever was there first.
    if (how !== "after-ready") expect(failures).toEqual({});
  });

  it("is broken on another slot than the first keeps that slot as it was", async () => {
    const supervised = await startSupervised({
      worker: "failing-worker",
      args: ["last-slot", "2"],
      canaryMs: 0,
    });
    const answer = await supervised.ask({ ask: "reload" }, "reloaded");
    expect(answer.message).toMatch(
      /^SupervisorError: worker 1 .* exit code 8; slot 0 is replaced, the others serve on/,
    );
    expect(await generations(supervised)).toEqual([
      [2, "ready"],
      [1, "ready"],
    ]);
  });
});

describe("a reload while the supervisor stops", () => {
  it("is refused, also with another number of workers, and the stop goes on", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker" });
    const { socket } = await greet(supervised.target);
    supervised.signal("SIGTERM");
    await supervised.event("log", ({ msg }) => msg === "stopping");
    await supervised.ask({ ask: "update", changes: { workers: 3 } }, "updated");
    const { message } = await supervised.ask({ ask: "reload" }, "reloaded");
    expect(message).toContain("the supervisor is stopping");
    expect(isAlive(supervised.pid)).toBe(true);
    socket.end();
    expect(await supervised.exited).toEqual({ code: 0, signal: null });
    expect(supervised.stderr()).toBe("");
  });
});

describe("a thousand reloads at once", () => {
  it("are two, and each is answered", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker", canaryMs: 0 });
    for (let i = 0; i < 1000; i++) supervised.send({ ask: "reload" });
    const answers = (): number => supervised.events.filter(({ event }) => event === "reloaded").length;
    await eventually(() => answers() === 1000);
    expect(supervised.events.filter(({ event, replaced }) => event === "reloaded" && replaced !== 2)).toEqual(
      [],
    );
    expect(await generations(supervised)).toEqual([
      [3, "ready"],
      [3, "ready"],
    ]);
  });
});

describe("a worker that dies during a reload", () => {
  it("is replaced by the successor that waits", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker", workers: 1, canaryMs: 1000 });
    supervised.send({ ask: "reload" });
    await supervised.event("log", ({ msg, generation }) => msg === "worker ready" && generation === 2);
    process.kill(supervised.workerPids[0] ?? 0, "SIGKILL");
    const { generation } = await greet(supervised.target);
    expect(generation).toBe(2);
    expect(await supervised.event("reloaded")).toMatchObject({ replaced: 1 });
    await eventually(async () => {
      const { workers } = await supervised.status();
      return workers[0]?.predecessor === undefined;
    });
    expect((await supervised.status()).workers[0]).toMatchObject({ generation: 2, state: "ready" });
  });
});
