// The HTTP target (a process): counts requests on raw sockets and answers each with 200 and no body. It reads
// HTTP/1.1 just far enough to find where a request ends, so that the target costs as little as Node allows.
import { createServer, type AddressInfo, type Socket } from "node:net";
import { answerMessages, childOptions } from "./child.ts";

export interface TargetReady {
  port: number;
}
/** "await" is answered as soon as `count` requests came since the last reset, or none for ten seconds. */
export interface TargetAsk {
  kind: "reset" | "count" | "await";
  count?: number;
}
export interface TargetCount {
  count: number;
  /** CLOCK_MONOTONIC, which all processes share. */
  atNs: bigint;
}

const answer = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "latin1");
const stallMs = 10_000;
let count = 0;
let awaited = Infinity;
let onAwaited: (() => void) | undefined;

childOptions();
const server = createServer({ noDelay: true }, serve);
server.listen(0, "127.0.0.1", () => {
  process.send!({ port: (server.address() as AddressInfo).port } satisfies TargetReady);
});

function serve(socket: Socket): void {
  let rest: Buffer | undefined;
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    let bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    rest = undefined;
    for (;;) {
      const end = requestEnd(bytes);
      if (end < 0) break;
      socket.write(answer);
      if (++count >= awaited) onAwaited?.();
      if (end === bytes.length) return;
      bytes = bytes.subarray(end);
    }
    rest = bytes;
  });
}

/** Where the first request in `bytes` ends, -1 while it is incomplete. Knows content-length only. */
function requestEnd(bytes: Buffer): number {
  const head = bytes.indexOf("\r\n\r\n", 0, "latin1");
  if (head < 0) return -1;
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, head));
  const end = head + 4 + (length === null ? 0 : Number(length[1]));
  return end <= bytes.length ? end : -1;
}

answerMessages<TargetAsk>((ask) => {
  if (ask.kind === "reset") count = 0;
  if (ask.kind !== "await" || count >= ask.count!) return now();
  return new Promise<TargetCount>((resolve) => {
    let seen = count;
    const stall = setInterval(() => {
      if (count === seen) onAwaited?.();
      seen = count;
    }, stallMs);
    awaited = ask.count!;
    onAwaited = () => {
      clearInterval(stall);
      awaited = Infinity;
      onAwaited = undefined;
      resolve(now());
    };
  });
});

function now(): TargetCount {
  return { count, atNs: process.hrtime.bigint() };
}
