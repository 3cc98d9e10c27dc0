// HTTP/2, with TLS and without: no request fails while workers are replaced.
import { once } from "node:events";
import http2 from "node:http2";
import https from "node:https";
import fs from "node:fs";
import net from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { describe, expect, it, onTestFinished } from "vitest";

import { eventually, readAnswer, startSupervised, targetOf } from "./harness.ts";
import type { Answer, Supervised } from "./harness.ts";

const pem = fileURLToPath(new URL("./fixtures/localhost.pem", import.meta.url));
const ca = fs.readFileSync(pem);
const protocols = ["h2c", "h2", "https"];

function start(options: { workers?: number; ageMs?: number } = {}): Promise<Supervised> {
  return startSupervised({
    ...{ worker: "secure-worker", canaryMs: 0, drainTimeoutMs: 10_000, workers: options.workers ?? 2 },
    listeners: protocols.map((name) => ({ name, address: "127.0.0.1:0" })),
    args: [pem, "server-only", String(options.ageMs ?? 0)],
  });
}

async function authorityOf(supervised: Supervised, name: string): Promise<string> {
  const { address } = (await supervised.status()).listeners.find((listener) => listener.name === name)!;
  return `${name === "h2c" ? "http" : "https"}://${address}`;
}

function connect(authority: string): http2.ClientHttp2Session {
  const session = http2.connect(authority, { ca, servername: "localhost" });
  session.on("error", () => {});
  return session;
}

function connectOnce(authority: string): http2.ClientHttp2Session {
  const session = connect(authority);
  onTestFinished(() => session.destroy());
  return session;
}

function request(session: http2.ClientHttp2Session, path = "/"): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": path });
    let text = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => (text += chunk));
    stream.once("error", reject);
    stream.once("close", () => (text === "" ? reject(new Error("refused")) : resolve(text.trim())));
    stream.end();
  });
}

/** On one connection; opens a new one when it is told to, and sends again what was refused: it has not been looked at. */
function requestAgainAndAgain(authority: string, concurrency: number) {
  let session = connect(authority);
  let stopped = false;
  onTestFinished(() => {
    stopped = true;
    session.destroy();
  });
  const by = new Set<string>();
  const failures: string[] = [];
  let answered = 0;
  let refused = 0;
  let sessions = 1;
  const clients = Array.from({ length: concurrency }, async () => {
    while (!stopped) {
      // With the answer a GOAWAY may have come, which Node tells only later in this turn.
      await nextTurn();
      if (session.closed || session.destroyed) {
        session = connect(authority);
        sessions++;
      }
      try {
        by.add(await request(session));
        answered++;
      } catch (error) {
        if (String(error).includes("NGHTTP2_REFUSED_STREAM")) refused++;
        else failures.push(String(error));
      }
    }
  });
  return {
    answered: () => answered,
    sessions: () => sessions,
    async stop() {
      stopped = true;
      await Promise.all(clients);
      return { answered, refused, failures, by };
    },
  };
}

describe.each(["h2c", "h2"])("HTTP/2 (%s)", (name) => {
  it.each([1, 4])("fails no request while workers are replaced, with %d at a time", async (concurrency) => {
    const supervised = await start();
    const authority = await authorityOf(supervised, name);
    const clients = Array.from({ length: 4 }, () => requestAgainAndAgain(authority, concurrency));
    for (let i = 0; i < 2; i++)
      expect(await supervised.ask({ ask: "reload" }, "reloaded")).toMatchObject({ replaced: 2 });
    for (const client of clients) {
      const { answered, refused, failures, by } = await client.stop();
      if (concurrency === 1) expect(refused).toBe(0);
      expect(failures).toEqual([]);
      expect(answered).toBeGreaterThan(50);
      expect(by.size).toBeGreaterThan(1);
    }
  });

  it("finishes what is in flight when it is stopped, and ends", async () => {
    const supervised = await start({ workers: 1 });
    const session = connectOnce(await authorityOf(supervised, name));
    await request(session);
    const slow = request(session, "/slow");
    // The worker has it.
    await request(session);
    supervised.signal("SIGTERM");
    expect(await slow).toBe("0 1");
    expect(await supervised.exited).toEqual({ code: 0, signal: null });
    expect(supervised.events.find(({ msg }) => msg === "worker ended")).toMatchObject({ forced: 0 });
  });
});

describe("an age of connections", () => {
  it("ends them without a failure", async () => {
    const supervised = await start({ workers: 1, ageMs: 200 });
    for (const name of ["h2c", "h2"]) {
      const client = requestAgainAndAgain(await authorityOf(supervised, name), 1);
      await eventually(() => client.sessions() === 4);
      expect(await client.stop()).toMatchObject({ failures: [], refused: 0 });
    }
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca, servername: "localhost" });
    onTestFinished(() => agent.destroy());
    const authority = await authorityOf(supervised, "https");
    const get = async (): Promise<Answer> => {
      const [response] = await once(https.get(authority, { agent }), "response");
      return readAnswer(response);
    };
    expect((await get()).headers.connection).toBe("keep-alive");
    await eventually(async () => (await get()).headers.connection === "close");
  });
});

describe("a connection on which nothing comes", () => {
  it.each(protocols)("does not hold up the end (%s)", async (name) => {
    const supervised = await start({ workers: 1 });
    const socket = net.connect(targetOf(new URL(await authorityOf(supervised, name)).host));
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    await eventually(async () => (await supervised.status()).workers[0]!.connections === 1);
    supervised.signal("SIGTERM");
    await supervised.exited;
    const { forced, closed } = supervised.events.find(({ msg }) => msg === "worker ended")!;
    expect({ forced, closed }).toEqual({ forced: 0, closed: 1 });
  });
});
