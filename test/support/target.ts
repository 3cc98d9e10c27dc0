/** A small real HTTP target: keeps every request it got whole, and answers as it is told. */
import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { once } from "node:events";

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** name, value, name, value, … as they stood on the wire. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** When it was there whole, milliseconds since the epoch. */
  readonly time: number;
  /** Resolves when its connection is closed, or its answer is out whole. */
  readonly ended: Promise<"answered" | "closed">;
  /** Answers it now, where the handler did not. */
  answer(status: number, body?: string): void;
  /** Closes its connection, with no answer. */
  cut(): void;
}

/** The status, a status with headers and body, or nothing: then the test answers. */
export type Reply = number | { status: number; headers?: Record<string, string>; body?: string } | undefined;

export type TargetHandler = (request: ReceivedRequest, index: number) => Reply;

export interface Target extends AsyncDisposable {
  /** Ends without a slash. */
  readonly url: string;
  readonly port: number;
  /** Oldest first; grows. */
  readonly requests: readonly ReceivedRequest[];
  /** Resolves with all requests as soon as there are `count`. */
  received(count: number): Promise<readonly ReceivedRequest[]>;
  /** How many connections are open. */
  connections(): number;
  stop(): Promise<void>;
}

/** Starts a target on a free port of 127.0.0.1. Without a handler it answers 200. */
export async function startTarget(handler: TargetHandler = () => 200, port = 0): Promise<Target> {
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();
  const server = createServer((incoming, response) => {
    void readWhole(incoming, response).then((request) => {
      if (request === undefined) return;
      requests.push(request);
      const reply = handler(request, requests.length - 1);
      if (reply !== undefined) send(response, reply);
      for (const look of waiting) look();
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as AddressInfo;

  async function stop(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    received: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (requests.length < count) return;
          waiting.delete(look);
          resolve(requests);
        };
        waiting.add(look);
        look();
      }),
    connections: () => sockets.size,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function readWhole(
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<ReceivedRequest | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    // The connection was closed in the middle of it.
    return undefined;
  }
  const { method = "", url = "", headers, rawHeaders } = incoming;
  const ended = new Promise<"answered" | "closed">((resolve) => {
    response.once("close", () => resolve(response.writableFinished ? "answered" : "closed"));
  });
  return {
    method,
    url,
    headers,
    rawHeaders,
    body: Buffer.concat(chunks),
    time: Date.now(),
    ended,
    answer: (status, body = "") => send(response, { status, body }),
    cut: () => incoming.socket.destroy(),
  };
}

function send(response: ServerResponse, reply: Exclude<Reply, undefined>): void {
  const { status, headers = {}, body = "" } = typeof reply === "number" ? { status: reply } : reply;
  response.writeHead(status, { "content-length": Buffer.byteLength(body), ...headers });
  response.end(body);
}
