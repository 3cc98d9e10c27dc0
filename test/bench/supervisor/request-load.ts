// The generator of requests (a process). node:http's agent costs more than the server that it asks, on the same CPUs; this one writes
// a constant request on raw sockets and counts the bytes that come back.
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

import { answerMessages, childOptions } from "../child.ts";

export interface RequestLoadOptions {
  port: number;
  connections: number;
}
/** One request at a time on each connection, for so long; answered by RequestLoadResult. */
export interface RequestLoadRun {
  path: string;
  ms: number;
}
export interface RequestLoadResult {
  answered: number;
  seconds: number;
}

interface Connection {
  readonly socket: Socket;
  /** Of the answer that is awaited. */
  missingBytes: number;
}

const options = childOptions<RequestLoadOptions>();
const buffer = Buffer.alloc(65_536);
let onAnswer = (_connection: Connection): void => {};

const connections = await Promise.all(Array.from({ length: options.connections }, open));
process.send!({});
answerMessages<RequestLoadRun>(run);

async function open(): Promise<Connection> {
  const socket = connect({
    host: "127.0.0.1",
    port: options.port,
    noDelay: true,
    onread: {
      buffer,
      callback: (bytes) => {
        connection.missingBytes -= bytes;
        if (connection.missingBytes < 0) throw new Error("an answer is longer than the first one");
        if (connection.missingBytes === 0) onAnswer(connection);
        return true;
      },
    },
  });
  const connection = { socket, missingBytes: 0 };
  socket.once("end", () => {
    throw new Error("the server has closed a connection");
  });
  await once(socket, "connect");
  return connection;
}

async function run({ path, ms }: RequestLoadRun): Promise<RequestLoadResult> {
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`);
  const answerBytes = await measureAnswer(request);
  return new Promise((resolve) => {
    let answered = 0;
    let idle = 0;
    const startTime = performance.now();
    const endTime = startTime + ms;
    const ask = (connection: Connection): void => {
      connection.missingBytes = answerBytes;
      connection.socket.write(request);
    };
    onAnswer = (connection) => {
      answered++;
      const now = performance.now();
      if (now < endTime) ask(connection);
      else if (++idle === connections.length) resolve({ answered, seconds: (now - startTime) / 1000 });
    };
    for (const connection of connections) ask(connection);
  });
}

/** How long the answer to this request is, which has to be the same each time. */
async function measureAnswer(request: Buffer): Promise<number> {
  const socket = connect(options.port, "127.0.0.1");
  socket.write(request);
  let text = "";
  for await (const chunk of socket) {
    text += String(chunk);
    const head = text.indexOf("\r\n\r\n");
    const [, length] = /^HTTP\/1\.1 200 [^]*\r\ncontent-length: (\d+)\r\n/i.exec(text) ?? [];
    if (head !== -1 && length !== undefined) return head + 4 + Number(length);
  }
  throw new Error(`no answer with a length: ${text}`);
}
