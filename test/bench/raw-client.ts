// A gRPC client for unary calls of one constant request, on a raw socket. A grpc-js client costs as much as the server
// under test and shares its two cores (measured: 75 µs a call against 5 µs here), so it would measure itself.
// It knows just enough of HTTP/2 (RFC 9113) and HPACK (RFC 7541): headers go out as indexes, those that come in are not
// read. A unary call has succeeded if a message came before its end: grpc-js sends none with an error.
import { connect, type Socket } from "node:net";

export interface UnaryClient {
  /** The local port. */
  port: number;
  /** Starts one call; `onEnd` gets the message, or undefined when the call failed. Calls of one tick share one write. */
  call(onEnd: OnEnd): void;
  close(): void;
}
export type OnEnd = (message: Buffer | undefined, failure?: string) => void;

interface Stream {
  onEnd: OnEnd;
  message: Buffer | undefined;
}

const frame = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const endStream = 1;
const ack = 1;
const endHeaders = 4;
const frameHead = 9;

export function openRawClient(address: string, path: string, request: Buffer): Promise<UnaryClient> {
  const separator = address.lastIndexOf(":");
  const socket = connect({
    host: address.slice(0, separator),
    port: Number(address.slice(separator + 1)),
    noDelay: true,
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => resolve(talk(socket, address, path, request)));
  });
}

function talk(socket: Socket, address: string, path: string, request: Buffer): UnaryClient {
  const streams = new Map<number, Stream>();
  const { first, next } = encodeCalls(address, path, request);
  const dataBytes = frameHead + 5 + request.length;
  const writes: Buffer[] = [];
  const held: OnEnd[] = [];
  let streamId = 1;
  let window = 65_535;
  let rest: Buffer | undefined;

  socket.write(preface());
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + frameHead <= bytes.length) {
      const end = at + frameHead + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      read(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5), bytes.subarray(at + frameHead, end));
      at = end;
    }
    rest = at === bytes.length ? undefined : bytes.subarray(at);
    flush();
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    for (const id of streams.keys()) finish(id, false);
  });
  return { port: socket.localPort!, call, close: () => socket.destroy() };

  function call(onEnd: OnEnd): void {
    if (window < dataBytes) {
      held.push(onEnd);
      return;
    }
    window -= dataBytes - frameHead;
    const bytes = Buffer.from(streamId === 1 ? first : next);
    bytes.writeUInt32BE(streamId, 5);
    bytes.writeUInt32BE(streamId, bytes.length - dataBytes + 5);
    streams.set(streamId, { onEnd, message: undefined });
    streamId += 2;
    if (writes.push(bytes) === 1) queueMicrotask(flush);
  }

  function flush(): void {
    if (writes.length === 0) return;
    socket.write(writes.length === 1 ? writes[0]! : Buffer.concat(writes));
    writes.length = 0;
  }

  function read(type: number, flags: number, id: number, body: Buffer): void {
    if (type === frame.data) {
      const stream = streams.get(id);
      if (stream !== undefined) {
        stream.message =
          stream.message === undefined ? Buffer.from(body) : Buffer.concat([stream.message, body]);
      }
      if (flags & endStream) finish(id, false);
    } else if (type === frame.headers) {
      if (flags & endStream) finish(id, true);
    } else if (type === frame.reset) finish(id, false);
    else if (type === frame.settings && !(flags & ack)) writes.push(encodeFrame(frame.settings, ack, 0));
    else if (type === frame.ping && !(flags & ack)) writes.push(encodeFrame(frame.ping, ack, 0, body));
    else if (type === frame.goAway) socket.destroy();
    else if (type === frame.windowUpdate && id === 0) {
      window += body.readUInt32BE(0);
      while (held.length > 0 && window >= dataBytes) call(held.shift()!);
    }
  }

  function finish(id: number, isWhole: boolean): void {
    const stream = streams.get(id);
    if (stream === undefined) return;
    streams.delete(id);
    const { message } = stream;
    const isOk = isWhole && message !== undefined && message.length === 5 + message.readUInt32BE(1);
    if (isOk) stream.onEnd(message.subarray(5));
    else stream.onEnd(undefined, "--client grpc-js says why");
  }
}

/** The windows for what comes back are opened so far that they never need opening again. */
function preface(): Buffer {
  const hugeWindow = Buffer.from([0x00, 0x04, 0x7f, 0xff, 0xff, 0xff]);
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
    encodeFrame(frame.settings, 0, 0, Buffer.from([0x00, 0x02, 0, 0, 0, 0]), hugeWindow),
    encodeFrame(frame.windowUpdate, 0, 0, Buffer.from([0x7f, 0xff, 0x00, 0x00])),
  ]);
}

/** A call is one HEADERS and one DATA frame; the first of a connection fills the dynamic table that the next ones use. */
function encodeCalls(address: string, path: string, request: Buffer): { first: Buffer; next: Buffer } {
  const post = Buffer.from([0x83, 0x86]); // :method POST, :scheme http
  const literals = Buffer.concat([
    literal(0x41, address), // :authority
    literal(0x44, path), // :path
    literal(0x5f, "application/grpc"), // content-type
    Buffer.concat([Buffer.from([0x40]), lengthAnd("te"), lengthAnd("trailers")]),
    literal(0x7a, "fieldpost-bench"), // user-agent
  ]);
  const indexes = Buffer.from([0xc2, 0xc1, 0xc0, 0xbf, 0xbe]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(request.length, 1);
  const data = encodeFrame(frame.data, endStream, 0, prefix, request);
  const encode = (headers: Buffer): Buffer =>
    Buffer.concat([encodeFrame(frame.headers, endHeaders, 0, post, headers), data]);
  return { first: encode(literals), next: encode(indexes) };
}

function literal(nameIndex: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([nameIndex]), lengthAnd(value)]);
}

function lengthAnd(text: string): Buffer {
  if (text.length > 126) throw new Error(`header of ${text.length} bytes, at most 126`);
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")]);
}

function encodeFrame(type: number, flags: number, streamId: number, ...body: Buffer[]): Buffer {
  const payload = Buffer.concat(body);
  const head = Buffer.alloc(frameHead);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
