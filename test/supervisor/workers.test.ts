import fs from "node:fs";
import http from "node:http";

import { describe, expect, it, onTestFinished } from "vitest";

import { withAffinity } from "../../server/supervisor/src/affinity.ts";
import { getAffinity } from "../../server/supervisor/src/syscalls.ts";
import { eventually, fixture, get, getJson, isAlive, readProc, runFixture } from "./harness.ts";
import { startSupervised, statusOf, withDefaults } from "./harness.ts";
import type { Supervised } from "./harness.ts";

/** Keeps one connection to the worker of that slot. */
async function agentFor({ target }: Supervised, slot: number): Promise<http.Agent> {
  for (;;) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const place: { slot: number } = JSON.parse((await get(target, "/", agent)).body);
    if (place.slot === slot) return agent;
  }
}

describe("a first start", () => {
  it.each([
    { how: "before-join", message: "no such store: /nowhere" },
    { how: "missing-module", message: "does-not-exist.ts" },
    { how: "after-join", message: "the second worker has no luck" },
    { how: "exit", message: "exit code 7" },
    { how: "unserved", message: 'listener "main" is not served' },
    { how: "never", message: "not ready within 1000 ms" },
  ])("in which a worker fails ($how) reports its error and stops everything", async ({ how, message }) => {
    const options = withDefaults("failing-worker", {
      args: [how],
      readyTimeoutMs: how === "never" ? 1000 : 30_000,
    });
    const running = runFixture("supervise", options);
    const failed = await running.event("failed");
    expect(failed.code).toBe("WORKER_FAILED");
    expect(failed.message).toMatch(/^SupervisorError: worker \d failed before it was ready: /);
    expect(failed.message).toContain(message);
    expect((await running.exited).code).toBe(1);
    const pids = running.events.map(({ pid }) => Number(pid)).filter(Boolean);
    expect(pids).toHaveLength(2);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it("whose worker module does not exist says so", async () => {
    const running = runFixture("supervise", withDefaults("no-such-worker", {}));
    expect((await running.event("failed")).message).toContain(fixture("no-such-worker"));
    expect((await running.exited).code).toBe(1);
  });

  it("lets any code ask what its process is", async () => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 2 });
    const { pid, ...place } = await getJson<{ pid: number }>(supervised.target, "/who-am-i");
    const slot = supervised.workerPids.indexOf(pid);
    expect(place).toEqual({ role: "worker", slot, generation: 1, workers: 2, ofChild: "undefined" });
    expect((await supervised.event("ready")).place).toEqual({ role: "supervisor" });
  });
});

describe("a worker that died", () => {
  it("is replaced, with the next generation and its own error in the log", async () => {
    const supervised = await startSupervised({ worker: "http-worker" });
    const agent = await agentFor(supervised, 1);
    await get(supervised.target, "/throw", agent).catch(() => {});
    const died = await supervised.event("log", ({ msg }) => msg === "worker died");
    expect(died).toMatchObject({ slot: 1, generation: 1, pid: supervised.workerPids[1] });
    expect(died.ending).toMatch(/^exit code 1: SyntaxError: .*JSON/s);
    await supervised.event("log", ({ msg, generation }) => msg === "worker ready" && generation === 2);
    expect((await supervised.status()).workers).toMatchObject([
      { slot: 0, generation: 1, state: "ready" },
      { slot: 1, generation: 2, state: "ready" },
    ]);
  });

  it("is told to its siblings at once", async () => {
    const supervised = await startSupervised({ worker: "http-worker" });
    const agent = await agentFor(supervised, 1);
    const pid = supervised.workerPids[0] ?? 0;
    process.kill(pid, "SIGKILL");
    const exits: unknown = JSON.parse((await get(supervised.target, "/exits", agent)).body);
    expect(exits).toEqual([{ slot: 0, generation: 1, pid }]);
  });

  it("never makes the supervisor give up, and stays alone in its trouble", async () => {
    const supervised = await startSupervised({ worker: "http-worker", args: ["--crash-loop"] });
    process.kill(supervised.workerPids[0] ?? 0, "SIGKILL");
    await supervised.event("log", ({ msg, generation }) => msg === "worker died" && generation === 5);
    expect((await supervised.status()).phase).toBe("running");
    expect(isAlive(supervised.workerPids[1] ?? 0)).toBe(true);
  });

  it("has a successor at once if others killed it, however often", async () => {
    const supervised = await startSupervised({ worker: "http-worker" });
    for (const generation of [1, 2, 3, 4]) {
      const { pid } = (await supervised.status()).workers[0]!;
      process.kill(pid!, "SIGKILL");
      await supervised.event("log", (log) => log.msg === "worker ready" && log.generation === generation + 1);
    }
    expect(supervised.events.filter(({ msg }) => msg === "worker starts later")).toEqual([]);
  });

  it.each([
    ["aborts", "abort", "SIGKILL: the disk is gone"],
    ["kills itself at its exit", "kill-at-exit", "SIGKILL"],
  ])("has a successor only later if it %s", async (_, how, ending) => {
    const supervised = await startSupervised({ worker: "failing-worker", workers: 1, args: [how] });
    const died = await supervised.event("log", ({ msg }) => msg === "worker died");
    expect(died).toMatchObject({ slot: 0, ending });
    await supervised.event("log", ({ msg }) => msg === "worker starts later");
  });

  it("costs the supervisor no descriptor", async () => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 4 });
    const count = async (): Promise<unknown> => (await supervised.ask({ ask: "fds" }, "fds")).count;
    const before = await count();
    for (const generation of [2, 3, 4]) {
      for (const { pid } of (await supervised.status()).workers) process.kill(pid ?? 0, "SIGKILL");
      await eventually(async () =>
        (await supervised.status()).workers.every(
          (each) => each.state === "ready" && each.generation === generation,
        ),
      );
    }
    expect(await count()).toBe(before);
  });
});

describe("the watchdog", () => {
  it("kills a worker whose event loop hangs, and it is replaced", async () => {
    const supervised = await startSupervised({ worker: "http-worker", watchdogMs: 500 });
    const agent = await agentFor(supervised, 0);
    await get(supervised.target, "/spin", agent).catch(() => {});
    expect(await supervised.event("log", ({ msg }) => msg === "worker died")).toMatchObject({
      slot: 0,
      ending: "SIGKILL: event loop silent for 500 ms",
    });
    await supervised.event("log", ({ msg, generation }) => msg === "worker ready" && generation === 2);
  });

  it("kills nobody because the supervisor itself slept", async () => {
    const supervised = await startSupervised({ worker: "http-worker", watchdogMs: 300 });
    supervised.signal("SIGSTOP");
    await eventually(() => /^State:\s+T/m.test(readProc(`/proc/${supervised.pid}/status`)));
    // Not a wait for something to happen: the sleep itself is what is tested.
    await new Promise((resolve) => void setTimeout(resolve, 1000));
    supervised.signal("SIGCONT");
    await eventually(async () => (await supervised.status()).workers.every(({ lagMs }) => lagMs > 0));
    expect((await supervised.status()).workers.map(({ generation }) => generation)).toEqual([1, 1]);
  });
});

describe("a broadcast", () => {
  it("reaches all other workers and not its sender", async () => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 3 });
    const agents = await Promise.all([0, 1, 2].map((slot) => agentFor(supervised, slot)));
    const ask = async (slot: number, path: string): Promise<unknown> =>
      JSON.parse((await get(supervised.target, path, agents[slot])).body);
    await ask(0, "/broadcast?payload=h%C3%A9llo");
    for (const slot of [1, 2]) {
      expect(await ask(slot, "/hears?payload=h%C3%A9llo")).toEqual({ topic: "test", payload: "héllo" });
    }
    expect(await ask(0, "/heard")).toEqual([]);
  });

  it("of the supervisor reaches all workers", async () => {
    const supervised = await startSupervised({ worker: "http-worker" });
    const agents = await Promise.all([0, 1].map((slot) => agentFor(supervised, slot)));
    supervised.send({ ask: "broadcast", topic: "other", payload: "not this" });
    supervised.send({ ask: "broadcast", topic: "test", payload: "this" });
    for (const agent of agents) {
      expect((await get(supervised.target, "/hears?payload=this", agent)).status).toBe(200);
      expect(JSON.parse((await get(supervised.target, "/heard", agent)).body)).toHaveLength(1);
    }
  });

  it("is bounded: 64 KiB pass, one byte more is the sender's error", async () => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 1 });
    expect((await get(supervised.target, "/broadcast-size?bytes=65536")).status).toBe(200);
    expect(await get(supervised.target, "/broadcast-size?bytes=65537")).toMatchObject({
      status: 500,
      body: "RangeError: payload has 65537 bytes, more than 65536",
    });
  });
});

/** The allowed CPUs of each of its threads, as the kernel writes them. */
function masks(pid: number): string[] {
  const tasks = fs.readdirSync(`/proc/${pid}/task`);
  return tasks.map((task) => {
    const status = readProc(`/proc/${pid}/task/${task}/status`);
    return /^Cpus_allowed_list:\s+(.*)$/m.exec(status)?.[1] ?? "";
  });
}

describe("a worker's process", () => {
  it("has every thread on one CPU of its own, and the supervisor keeps all of its", async () => {
    const workers = Math.min(2, getAffinity().length);
    const supervised = await startSupervised({ worker: "http-worker", workers });
    const { unpinned } = await supervised.status();
    expect(unpinned, "this machine has a CPU quota").toBeUndefined();
    const cpus = supervised.workerPids.map((pid) => {
      const all = masks(pid);
      expect(all.length).toBeGreaterThan(1);
      expect(new Set(all).size).toBe(1);
      return Number(all[0]);
    });
    expect(cpus).toEqual(getAffinity().slice(0, workers));
    expect(masks(supervised.pid)[0]).toBe(masks(process.pid)[0]);
  });

  it("gets a CPU that the supervisor may use, not the first of the machine", async () => {
    const last = getAffinity().at(-1) ?? 0;
    const running = withAffinity(last, () =>
      runFixture("supervise", withDefaults("http-worker", { workers: 1 })),
    );
    const status = statusOf(await running.event("ready"));
    expect(new Set(masks(status.workers[0]?.pid ?? 0))).toEqual(new Set([String(last)]));
  });

  it("is not pinned when there are more workers than CPUs", async () => {
    const workers = getAffinity().length + 1;
    const supervised = await startSupervised({
      worker: "http-worker",
      workers,
    });
    expect((await supervised.status()).unpinned).toBe(`${workers} workers on ${workers - 1} CPUs`);
    expect(masks(supervised.workerPids[0] ?? 0)[0]).toBe(masks(process.pid)[0]);
  });

  it("gets the arguments and environment of the options, and its children nothing of the supervisor's", async () => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 1, env: { SHIP: "post" } });
    const env = await getJson<Record<string, string>>(supervised.target, "/env");
    expect(env["SHIP"]).toBe("post");
    expect(env["FIELDPOST_SUPERVISED"]).toBeUndefined();
    const fds = await getJson<string>(supervised.target, "/child-fds");
    expect(fds.split("\n").filter((line) => /\s(?:[3-9]|\d\d+) -> socket/.test(line))).toEqual([]);
  });

  it("refuses to join when no supervisor started it", async () => {
    const running = runFixture("tcp-worker", {});
    expect((await running.exited).code).toBe(1);
    await eventually(() => running.stderr().includes("not started by a supervisor"));
  });
});
