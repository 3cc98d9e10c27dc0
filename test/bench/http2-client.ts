// A gRPC client on node:http2, for what raw-client.ts does not know: messages larger than a frame, and streams both ways. A
// constant call costs it about 60 µs, so it is for calls of many jobs.
import type { IncomingHttpHeaders } from "node:http";
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { connect } from "node:net";
import type { UnaryClient } from "./raw-client.ts";

export interface Http2Client extends UnaryClient {
  /** Starts a call that streams both ways; `onEnd` gets the reason when it did not end with OK. */
  openStream(onMessage: (message: Buffer) => void, onEnd: (failure?: string) => void): GrpcStream;
}
export interface GrpcStream {
  /** Messages that {@link frameMessage} has framed, one or more. */
  write(framed: Buffer): void;
  end(): void;
}

const windowBytes = 64 * 1024 * 1024;

/** `request` is what `call` sends. */
export async function openHttp2Client(address: string, path: string, request: Buffer): Promise<Http2Client> {
  const separator = address.lastIndexOf(":");
  const socket = connect({
    host: address.slice(0, separator),
    port: Number(address.slice(separator + 1)),
    noDelay: true,
  });
  const session = await new Promise<ClientHttp2Session>((resolve, reject) => {
    const opened = connectHttp2(`http://${address}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    opened.once("error", reject);
    opened.once("connect", () => resolve(opened));
  });
  session.setLocalWindowSize(windowBytes);
  session.on("error", () => session.destroy());
  const framed = frameMessage(request);
  return {
    port: socket.localPort!,
    close: () => session.destroy(),
    call(onEnd) {
      let message: Buffer | undefined;
      const stream = start(
        (bytes) => (message = bytes),
        (failure) => (failure === undefined ? onEnd(message, "no message came") : onEnd(undefined, failure)),
      );
      stream.end(framed);
    },
    openStream(onMessage, onEnd) {
      const stream = start(onMessage, onEnd);
      return { write: (bytes) => void stream.write(bytes), end: () => void stream.end() };
    },
  };

  function start(onMessage: (message: Buffer) => void, onEnd: (failure?: string) => void): ClientHttp2Stream {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    let status: string | undefined;
    let failure: string | undefined;
    const readStatus = (headers: IncomingHttpHeaders): void => {
      const { "grpc-status": code, "grpc-message": message = "" } = headers;
      if (code === undefined) return;
      status = code.toString();
      if (status !== "0") failure = `status ${status}: ${decodeURIComponent(message.toString())}`;
    };
    stream.on("response", readStatus);
    stream.on("trailers", readStatus);
    stream.on("data", messageReader(onMessage));
    // A server that refuses a stream may leave our half of it open.
    stream.on("end", () => stream.close());
    stream.on("error", (error: Error) => (failure ??= error.message));
    stream.on("close", () =>
      onEnd(failure ?? (status === undefined ? "it ended without a status" : undefined)),
    );
    return stream;
  }
}

/** Length-prefixed, as gRPC sends it. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** Takes chunks, gives whole messages. */
function messageReader(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let size = 0;
  let missing = 5;
  return (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < missing) return;
    let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    for (;;) {
      missing = bytes.length < 5 ? 5 : 5 + bytes.readUInt32BE(1);
      if (bytes.length < missing) break;
      onMessage(bytes.subarray(5, missing));
      bytes = bytes.subarray(missing);
    }
    chunks = [bytes];
    size = bytes.length;
  };
}
