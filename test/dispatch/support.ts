/** Jobs, dispatchers and targets for the tests of dispatch; what a test opens is closed when it ends. */
import { type RequestListener, createServer as createHttpServer } from "node:http";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import {
  type Dispatcher,
  type DispatcherOptions,
  openDispatcher,
} from "../../server/src/dispatch/dispatcher.ts";
import type { ClaimedJob, HttpRequest, HttpResponse } from "../../server/src/job/job.ts";

let nextKey = 1;

export function makeJob(
  request: Partial<HttpRequest> & { url: string },
  rest: Partial<Omit<ClaimedJob, "request">> = {},
): ClaimedJob {
  const key = nextKey++;
  return {
    key,
    id: `job-${key}`,
    uid: `0192f0c1-2b3c-7def-8000-${String(key).padStart(12, "0")}`,
    queue: "default",
    attempt: 1,
    attemptsBefore: 0,
    runTime: 0,
    dueTime: 0,
    claimTime: 0,
    claimUptimeMs: 0,
    ambiguityPolicy: "retry",
    createTime: 0,
    expireTime: undefined,
    maxAttempts: 10,
    retryPolicy: { initialBackoffMs: 1000, maxBackoffMs: 1000, multiplier: 1, jitter: "none" },
    attemptTimeoutMs: 20_000,
    labels: new Map(),
    trace: { traceparent: "", tracestate: "" },
    ...rest,
    request: { method: "GET", headers: [], body: new Uint8Array(0), parameters: new Map(), ...request },
  };
}

export function startDispatcher(options: Partial<DispatcherOptions> = {}): Dispatcher {
  const dispatcher = openDispatcher({
    responseCapBytes: 65_536,
    connectTimeoutMs: 10_000,
    keepAliveMs: 4_000,
    maxConnectionsPerOrigin: 64,
    maxOrigins: 100,
    userAgent: "fieldpost/test",
    ...options,
  });
  onTestFinished(() => dispatcher.close(0));
  return dispatcher;
}

export interface Target {
  readonly port: number;
  readonly url: string;
  /** All connections ever accepted, oldest first. */
  readonly sockets: readonly Socket[];
}

/** A server that speaks whatever `onConnection` writes. */
export async function startRawTarget(onConnection: (socket: Socket) => void): Promise<Target> {
  return listen(createServer(onConnection));
}

/** A server that answers every request, once it was read whole, with `answer`'s text; the requests are kept. */
export async function startScriptedTarget(
  answer: (request: string, socket: Socket) => string | Buffer | undefined,
): Promise<Target & { readonly requests: readonly string[] }> {
  const requests: string[] = [];
  const target = await startRawTarget((socket) => {
    readRequests(socket, (request) => {
      requests.push(request);
      const text = answer(request, socket);
      if (text !== undefined) socket.write(text);
    });
  });
  return { ...target, requests };
}

export async function startHttpTarget(listener: RequestListener): Promise<Target> {
  return listen(createHttpServer(listener));
}

export async function listen(server: Server): Promise<Target> {
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => {
    sockets.push(socket);
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}/`, sockets };
}

/** Calls `onRequest` with each whole request, as text. */
export function readRequests(socket: Socket, onRequest: (request: string) => void): void {
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    for (;;) {
      const head = text.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head));
      const end = head + 4 + Number(length?.[1] ?? 0);
      if (text.length < end) return;
      const request = text.slice(0, end);
      text = text.slice(end);
      onRequest(request);
    }
  });
}

/** The header lines of a request as they stood on the wire. */
export function headerLines(request: string): string[] {
  return request.slice(0, request.indexOf("\r\n\r\n")).split("\r\n").slice(1);
}

export function bodyText(response: HttpResponse | undefined): string {
  return Buffer.from(response?.body ?? []).toString("utf8");
}

/** A port on which nobody listens. */
export async function refusedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves when all sockets have closed. */
export async function allClosed(sockets: readonly Socket[]): Promise<void> {
  await Promise.all(sockets.map((socket) => (socket.closed ? Promise.resolve([]) : once(socket, "close"))));
}

export const ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
