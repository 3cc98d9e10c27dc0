import { once } from "node:events";
import http from "node:http";
import net from "node:net";

import { describe, expect, it, onTestFinished } from "vitest";

import {
  get,
  getJson,
  gone,
  greet,
  isAlive,
  readAnswer,
  refused,
  runFixture,
  startSupervised,
  statusOf,
  withDefaults,
} from "./harness.ts";
import type { Answer, Supervised } from "./harness.ts";

/** A request that is in flight until `finish`. */
async function slowRequest(supervised: Supervised): Promise<{ finish: (body: string) => Promise<Answer> }> {
  const request = http.request({ ...supervised.target, path: "/slow", method: "POST", agent: false });
  const answer = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once("response", resolve).once("error", reject);
  }).then(readAnswer);
  answer.catch(() => {}); // the caller sees it through finish
  request.flushHeaders();
  await once(request, "continue");
  return {
    finish: (body) => {
      request.end(body);
      return answer;
    },
  };
}

describe("a graceful stop", () => {
  it.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)(
    "by %s finishes the request in flight and ends all",
    async (signal) => {
      const supervised = await startSupervised({ worker: "http-worker" });
      const slow = await slowRequest(supervised);
      supervised.signal(signal);
      await refused(supervised.target);
      const answer = await slow.finish("late but whole");
      expect(answer).toMatchObject({ status: 200, body: JSON.stringify({ body: "late but whole" }) });
      expect(answer.headers.connection).toBe("close");
      expect(await supervised.exited).toEqual({ code: 0, signal: null });
      expect(supervised.workerPids.filter(isAlive)).toEqual([]);
    },
  );

  it("answers on a kept-alive connection that is idle when it begins, and then closes it", async () => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 1 });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    await get(supervised.target, "/", agent);
    supervised.signal("SIGTERM");
    await refused(supervised.target);
    const answer = await get(supervised.target, "/", agent);
    expect(answer).toMatchObject({ status: 200, headers: { connection: "close" } });
    expect((await supervised.exited).code).toBe(0);
  });

  it("ends though a client keeps an idle connection open", async () => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 1 });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    await get(supervised.target, "/", agent);
    const { socket } = await greetless(supervised); // and one that never asks anything
    supervised.signal("SIGTERM");
    expect((await supervised.exited).code).toBe(0);
    expect(socket.readable).toBe(false);
    expect(supervised.events.some(({ msg, forced }) => msg === "worker ended" && forced === 0)).toBe(true);
  });

  it("resets no kept-alive connection under load", async () => {
    const supervised = await startSupervised({ worker: "http-worker" });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    onTestFinished(() => agent.destroy());
    let answered = 0;
    const broken: string[] = [];
    const client = async (): Promise<void> => {
      for (;;) {
        const request = http.get({ ...supervised.target, path: "/", agent });
        try {
          const response = new Promise<http.IncomingMessage>((resolve, reject) => {
            request.once("response", resolve).once("error", reject);
          });
          await readAnswer(await response);
          answered++;
        } catch (error) {
          // A new connection may be refused now; one that was kept alive must have been told.
          if (request.reusedSocket) broken.push(String(error));
          return;
        }
      }
    };
    const clients = Array.from({ length: 16 }, client);
    await supervised.status();
    supervised.signal("SIGTERM");
    await Promise.all(clients);
    expect(answered).toBeGreaterThan(0);
    expect(broken).toEqual([]);
    expect((await supervised.exited).code).toBe(0);
  });

  it("ends raw connections at their own end", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker", workers: 1 });
    const { socket } = await greet(supervised.target);
    supervised.signal("SIGTERM");
    await refused(supervised.target);
    socket.end("bye");
    expect(String((await once(socket, "data"))[0])).toBe("bye");
    expect((await supervised.exited).code).toBe(0);
    expect(supervised.events.find(({ msg }) => msg === "worker ended")).toMatchObject({ forced: 0 });
  });

  it("cuts what is left when its deadline has come, and says so", async () => {
    const supervised = await startSupervised({ worker: "tcp-worker", workers: 1, drainTimeoutMs: 2000 });
    const { socket } = await greet(supervised.target);
    const closed = once(socket, "close");
    supervised.signal("SIGTERM");
    await closed;
    expect((await supervised.exited).code).toBe(0);
    expect(supervised.events.find(({ msg }) => msg === "worker ended")).toMatchObject({
      closed: 0,
      forced: 1,
    });
  });

  it("kills a worker that is not gone at the deadline, and exits with 1", async () => {
    const supervised = await startSupervised({
      worker: "http-worker",
      args: ["--linger"],
      drainTimeoutMs: 300,
    });
    supervised.signal("SIGTERM");
    expect(await supervised.exited).toEqual({ code: 1, signal: null });
    expect(supervised.workerPids.filter(isAlive)).toEqual([]);
    expect(supervised.events.find(({ msg }) => msg === "worker died")).toMatchObject({
      ending: "SIGKILL: drain deadline",
    });
  });

  it("can be asked for by the program", async () => {
    const supervised = await startSupervised({ worker: "http-worker" });
    supervised.send({ ask: "stop" });
    expect((await supervised.exited).code).toBe(0);
  });

  it("needs no worker to be alive", async () => {
    const supervised = await startSupervised({ worker: "http-worker", args: ["--crash-loop"], workers: 1 });
    process.kill(supervised.workerPids[0] ?? 0, "SIGKILL");
    await supervised.event("log", ({ msg, generation }) => msg === "worker died" && generation === 3);
    supervised.signal("SIGTERM");
    expect((await supervised.exited).code).toBe(0);
  });
});

async function greetless(supervised: Supervised): Promise<{ socket: net.Socket }> {
  const socket = net.connect(supervised.target);
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.resume();
  return { socket };
}

describe("signals", () => {
  it("make the second SIGINT end everything at once", async () => {
    const supervised = await startSupervised({ worker: "http-worker", args: ["--linger"] });
    supervised.signal("SIGINT");
    await supervised.event("log", ({ msg }) => msg === "stopping");
    supervised.signal("SIGINT");
    expect(await supervised.exited).toEqual({ code: 130, signal: null });
    expect(supervised.workerPids.filter(isAlive)).toEqual([]);
  });

  it("take the SIGINT that npm passes on for the same key press", async () => {
    const supervised = await startSupervised({ worker: "http-worker" }, { npm_lifecycle_event: "start" });
    const slow = await slowRequest(supervised);
    supervised.signal("SIGINT");
    supervised.signal("SIGINT");
    await refused(supervised.target);
    expect((await slow.finish("whole")).status).toBe(200);
    expect(await supervised.exited).toEqual({ code: 0, signal: null });
  });

  it.each(["SIGHUP", "SIGUSR1"] as const)("give %s to the hook and serve on", async (signal) => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 1 });
    supervised.signal(signal);
    await supervised.event("signal", (event) => event.signal === signal);
    expect((await get(supervised.target, "/")).status).toBe(200);
  });

  it("to the whole terminal group do not end a worker", async () => {
    const supervised = await startSupervised({ worker: "http-worker", workers: 1 });
    const pid = supervised.workerPids[0] ?? 0;
    for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
      process.kill(pid, signal);
      expect(await getJson(supervised.target, "/")).toEqual({ pid, slot: 0, generation: 1 });
    }
  });

  it("stop a supervisor whose workers are not ready yet", async () => {
    const running = runFixture("supervise", withDefaults("failing-worker", { args: ["never"] }));
    await running.event("booted");
    running.signal("SIGTERM");
    expect(await running.event("failed")).toMatchObject({
      code: "STOPPED",
      message: "SupervisorError: stopped by SIGTERM before all workers were ready",
    });
    await running.exited;
  });
});

describe("under npm", () => {
  it.each(["SIGKILL", "SIGHUP"] as const)("the supervisor stops when npm dies of %s", async (signal) => {
    const npm = runFixture("fake-npm", withDefaults("http-worker", {}));
    const ready = await npm.event("ready");
    npm.signal(signal);
    await npm.exited;
    const pids = [ready.supervisorPid ?? 0, ...statusOf(ready).workers.map(({ pid }) => pid ?? 0)];
    await gone(pids);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it("is needed for that: elsewhere a supervisor outlives its parent", async () => {
    const launcher = runFixture("fake-npm", withDefaults("http-worker", { env: {} }), { LAUNCHER: "plain" });
    const ready = await launcher.event("ready");
    launcher.signal("SIGKILL");
    await launcher.exited;
    expect(isAlive(ready.supervisorPid ?? 0)).toBe(true);
  });
});
