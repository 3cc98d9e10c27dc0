// Each protocol on each kind of address: what a client of it sees while all workers are replaced.
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import { expect, it, onTestFinished } from "vitest";

import { makeFolder } from "../support/relay.ts";
import { echoService } from "./fixtures/echo-service.ts";
import { startSupervised, targetOf } from "./harness.ts";

const pem = fileURLToPath(new URL("./fixtures/localhost.pem", import.meta.url));
const ca = fs.readFileSync(pem);
const hasIpv6 = Object.values(os.networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);
const kinds = ["IPv4", ...(hasIpv6 ? ["IPv6"] : []), "unix"];

/** One connection, one request: the answer. */
const clients: Record<string, (address: string) => Promise<string>> = {
  http: (address) => overHttp(http.get({ ...whereOf(address), agent: false })),
  https: (address) => overHttp(https.get({ ...whereOf(address), ca, servername: "localhost", agent: false })),
  h2c: (address) => overHttp2("http://localhost", () => net.connect(targetOf(address))),
  h2: (address) => overHttp2("https://localhost", () => connectTls(address, { ALPNProtocols: ["h2"] })),
  tcp: (address) => readLine(net.connect(targetOf(address))),
  tls: (address) => readLine(connectTls(address)),
  grpc: overGrpc,
};

const cases = kinds.flatMap((kind) => Object.keys(clients).map((protocol) => ({ kind, protocol })));

it(`answers every request in a reload: ${Object.keys(clients).join(", ")} on ${kinds.join(", ")}`, async () => {
  const folder = makeFolder();
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  const supervised = await startSupervised({
    ...{ worker: "secure-worker", workers: 2, canaryMs: 0, args: [pem] },
    listeners: cases.map(({ kind, protocol }) => ({
      name: `${protocol} ${kind}`,
      address:
        kind === "unix"
          ? `unix:${path.join(folder, protocol)}`
          : `${kind === "IPv4" ? "127.0.0.1" : "[::1]"}:0`,
    })),
  });
  const { listeners, workers } = await supervised.status();
  const firstPids = new Set(workers.map(({ pid }) => String(pid)));
  /** Slot and generation, or what gRPC's echo service answers: the PID. */
  const isFirst = (answer: string): boolean => /^\d+ 1\n$/.test(answer) || firstPids.has(answer);
  let over = false;
  const loops = listeners.map(async ({ name, address }) => {
    const seen = { name, failed: [] as unknown[], before: 0, after: 0 };
    for (;;) {
      const last = over;
      await clients[name.split(" ")[0]!]!(address).then(
        (answer) => seen[isFirst(answer) ? "before" : "after"]++,
        (error: unknown) => seen.failed.push(error),
      );
      if (last) return seen;
    }
  });
  const { replaced } = await supervised.ask({ ask: "reload" }, "reloaded");
  over = true;
  const seen = await Promise.all(loops);
  expect(replaced).toBe(2);
  expect(seen.filter(({ failed }) => failed.length > 0)).toEqual([]);
  // The last request of each was made by a process that was not there when the first was.
  expect(seen.filter(({ before, after }) => before === 0 || after === 0)).toEqual([]);
});

function whereOf(address: string): http.RequestOptions {
  const target = targetOf(address);
  return "path" in target ? { socketPath: target.path } : { host: target.host, port: target.port };
}

function connectTls(address: string, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  return tls.connect({ ...targetOf(address), ca, servername: "localhost", ...options });
}

async function overHttp(request: http.ClientRequest): Promise<string> {
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return text;
}

async function overHttp2(authority: string, createConnection: () => net.Socket): Promise<string> {
  const session = http2.connect(authority, { createConnection });
  const failed = once(session, "error").then(([error]) => Promise.reject(error as Error));
  failed.catch(() => {});
  try {
    const stream = session.request({ ":path": "/" }).setEncoding("utf8");
    const read = async (): Promise<string> => {
      let text = "";
      for await (const chunk of stream) text += String(chunk);
      return text;
    };
    return await Promise.race([read(), failed]);
  } finally {
    session.close();
  }
}

async function readLine(socket: net.Socket): Promise<string> {
  try {
    const [line] = (await once(socket, "data")) as [Buffer];
    return String(line);
  } finally {
    socket.on("error", () => {}).destroy();
  }
}

const EchoClient = grpc.makeGenericClientConstructor(echoService, "Echo");

function overGrpc(address: string): Promise<string> {
  const client = new EchoClient(address, grpc.credentials.createSsl(ca), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.ssl_target_name_override": "localhost",
  });
  const { path: method, requestSerialize, responseDeserialize } = echoService.whoAmI;
  return new Promise<string>((resolve, reject) => {
    const done = (error: grpc.ServiceError | null, answer?: Buffer): void =>
      error ? reject(error) : resolve(String(answer));
    client.makeUnaryRequest(method, requestSerialize, responseDeserialize, Buffer.alloc(0), done);
  }).finally(() => client.close());
}
