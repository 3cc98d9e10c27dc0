/** Callers that do what no good caller does. The relay serves the others as if nothing were. */
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { createRelayClient } from "../support/relay-client.ts";
import { startRelay } from "../support/relay.ts";
import type { Relay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

/** A good caller on a connection of its own is served, and no worker has died. */
async function expectUnharmed(relay: Relay): Promise<void> {
  await using target = await startTarget();
  for (let count = 0; count < 4; count++) {
    const client = createRelayClient(relay.grpcAddress);
    const { name } = await client.enqueue({ job: post(target.url) });
    await client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    client.close();
  }
  expect(relay.lines.filter(({ msg }) => msg === "worker died")).toEqual([]);
  expect(relay.lines.filter(({ msg }) => msg?.startsWith("defect") === true)).toEqual([]);
}

async function timeToStop(relay: Relay): Promise<number> {
  const begin = Date.now();
  await relay.stop();
  return Date.now() - begin;
}

function openSocket(relay: Relay): Promise<Socket> {
  const [host, port] = relay.grpcAddress.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => socket.destroy());
  return once(socket, "connect").then(() => socket);
}

describe("many at once", () => {
  test("of a thousand calls with the same job_id over eight connections, one wins and one request is sent", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const clients = Array.from({ length: 8 }, () => createRelayClient(relay.grpcAddress));
    const results = await Promise.allSettled(
      Array.from({ length: 1000 }, (_, index) =>
        clients[index % 8]!.enqueue({ jobId: "the-one", job: post(target.url, String(index)) }),
      ),
    );
    const winners = results.flatMap((result, index) => (result.status === "fulfilled" ? [index] : []));
    expect(winners).toHaveLength(1);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: 6 });
    }
    const job = await relay.client.reached("jobs/the-one", JobState.JOB_STATE_SUCCEEDED);
    expect(job.target?.http.body.toString()).toBe(String(winners[0]));
    expect(target.requests).toHaveLength(1);
    for (const client of clients) client.close();
    await expectUnharmed(relay);
  });

  test("batches of nearly 32 MiB are taken whole, larger messages are refused whole", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const body = randomBytes(1024 * 1024);
    const requests = (count: number) =>
      Array.from({ length: count }, () => ({ job: post(target.url, "", { body }) }));
    const batches = await Promise.all(
      [31, 31, 31].map((count) => relay.client.batchEnqueue({ requests: requests(count) })),
    );
    await expect(relay.client.batchEnqueue({ requests: requests(32) })).rejects.toMatchObject({ code: 8 });
    for (const { name } of batches.flatMap(({ jobs }) => jobs)) {
      await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    }
    expect(target.requests).toHaveLength(93);
    expect(target.requests.every((request) => request.body.equals(body))).toBe(true);
    await expectUnharmed(relay);
  }, 60_000);

  test("callers that cancel their calls leave jobs that are stored whole or not at all", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const calls = Array.from({ length: 300 }, async (_, index) => {
      const abort = new AbortController();
      const call = relay.client.enqueue(
        { jobId: `c-${index}`, job: post(`${target.url}/${index}`) },
        { signal: abort.signal },
      );
      if (index % 3 === 0) abort.abort();
      if (index % 3 === 1) setImmediate(() => abort.abort());
      return call.then(
        () => `c-${index}`,
        () => undefined,
      );
    });
    const acknowledged = (await Promise.all(calls)).filter((id) => id !== undefined);
    expect(acknowledged.length).toBeGreaterThanOrEqual(100);
    for (const id of acknowledged) await relay.client.reached(`jobs/${id}`, JobState.JOB_STATE_SUCCEEDED);
    // What was stored although its caller went away is delivered too.
    let pageToken = "";
    do {
      const page = await relay.client.listJobs({ readMask: ["name"], pageSize: 1000, pageToken });
      for (const { name } of page.jobs) await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(new Set(target.requests.map(({ url }) => url)).size).toBe(target.requests.length);
    await expectUnharmed(relay);
  });
});

describe("on the gRPC port", () => {
  test.each([
    ["noise", randomBytes(65_536)],
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n")],
    ["a TLS hello", Buffer.from("16030100a5010000a10303", "hex")],
    [
      "the preface and noise",
      Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), randomBytes(4096)]),
    ],
    ["half of the preface", Buffer.from("PRI * HTTP")],
  ])("%s harms nobody else", async (_, bytes) => {
    await using relay = await startRelay();
    const sockets = await Promise.all(Array.from({ length: 20 }, () => openSocket(relay)));
    for (const socket of sockets) socket.write(bytes);
    await expectUnharmed(relay);
    for (const socket of sockets) socket.resetAndDestroy();
    await expectUnharmed(relay);
    expect(await relay.stop()).toBe(0);
  });

  test("calls to nowhere, with the wrong content type or with half a message are answered, not crashed on", async () => {
    await using relay = await startRelay();
    const session = connectHttp2(`http://${relay.grpcAddress}`);
    session.on("error", () => {});
    const call = (headers: Record<string, string>, body: Buffer): Promise<unknown> => {
      const stream = session.request({
        ":method": "POST",
        "content-type": "application/grpc",
        te: "trailers",
        ...headers,
      });
      stream.on("error", () => {});
      stream.resume();
      stream.end(body);
      return once(stream, "close");
    };
    const path = "/fieldpost.v1.RelayService/Enqueue";
    await call({ ":path": "/nowhere/Nothing" }, Buffer.alloc(5));
    await call({ ":path": path, "content-type": "text/plain" }, Buffer.from("hello"));
    // Announces 1,000 bytes, brings two.
    await call({ ":path": path }, Buffer.from([0, 0, 0, 3, 232, 1, 2]));
    await call({ ":path": path }, Buffer.from([1, 0, 0, 0, 2, 1, 2]));
    await call({ ":path": path }, Buffer.from([0, 255, 255, 255, 255]));
    session.destroy();
    await expectUnharmed(relay);
  });

  test("a call whose caller vanishes in the middle of it does not hold a stop up", async () => {
    await using relay = await startRelay();
    const session = connectHttp2(`http://${relay.grpcAddress}`);
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": "/fieldpost.v1.RelayService/Enqueue",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    stream.write(Buffer.from([0, 0, 0, 3, 232]));
    await expectUnharmed(relay);
    session.destroy();
    expect(await timeToStop(relay)).toBeLessThan(3000);
  });

  // To a connection without a preface no GOAWAY can be sent.
  test("connections that never said a word do not hold a stop up", async () => {
    await using relay = await startRelay({ args: ["--drain-timeout", "8s"] });
    const sockets = await Promise.all(Array.from({ length: 10 }, () => openSocket(relay)));
    const tookMs = await timeToStop(relay);
    for (const socket of sockets) socket.destroy();
    expect(tookMs).toBeLessThan(3000);
  });

  test("a caller that does not read its large answers harms nobody else", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const body = randomBytes(1024 * 1024);
    const { name } = await relay.client.enqueue({ jobId: "large", job: post(target.url, "", { body }) });
    await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    const session = connectHttp2(`http://${relay.grpcAddress}`, { settings: { initialWindowSize: 0 } });
    session.on("error", () => {});
    const request = Buffer.from([0, 0, 0, 0, 12, 10, 10, ...Buffer.from("jobs/large")]);
    for (let count = 0; count < 50; count++) {
      const stream = session.request({
        ":method": "POST",
        ":path": "/fieldpost.v1.RelayService/GetJob",
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.on("error", () => {});
      stream.end(request);
    }
    await expectUnharmed(relay);
    session.destroy();
  });
});

describe("on the HTTP port", () => {
  test.each([
    ["noise", randomBytes(4096)],
    [
      "a header that never ends",
      Buffer.concat([Buffer.from("GET / HTTP/1.1\r\nx: "), Buffer.alloc(100_000, "a")]),
    ],
    [
      "two lengths",
      Buffer.from("POST /readyz HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
    ],
    ["a path of 8 KiB", Buffer.from(`GET /${"a".repeat(8192)} HTTP/1.1\r\nhost: x\r\n\r\n`)],
  ])("%s harms nobody else", async (_, bytes) => {
    await using relay = await startRelay();
    const { hostname, port } = new URL(relay.httpUrl);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => socket.destroy());
    await once(socket, "connect");
    socket.write(bytes);
    expect((await fetch(`${relay.httpUrl}/readyz`)).status).toBe(200);
    socket.destroy();
    await expectUnharmed(relay);
  });
});
