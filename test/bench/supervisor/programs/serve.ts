// What the workers of every subject do: `tcp` greets each connection with its place and ends it; `http` answers each request, one
// for /work after some work; `grpc` answers each call with nothing after some work.
import http from "node:http";
import net from "node:net";

import { work } from "./work.ts";

export type Protocol = "tcp" | "http" | "grpc";

/** For `tcp` and `http`. */
export function createServer(protocol: Protocol, place: string): net.Server {
  if (protocol === "http") return createHttpServer();
  return net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    // With none, a worker would never be behind.
    work();
    socket.end(`${place}\n`);
  });
}

/** All answers have the same length: the generator counts bytes. */
function createHttpServer(): http.Server {
  return http.createServer((request, response) => {
    if (request.url === "/work") work();
    response.end("answer\n");
  });
}

export const GRPC_PATH = "/bench.Echo/Nothing";

/** Loads grpc-js, so that whoever serves no gRPC does not pay for it. */
export async function createGrpcServer() {
  const { default: grpc } = await import("@grpc/grpc-js");
  const server = new grpc.Server();
  const bytes = (value: Buffer): Buffer => value;
  const method = {
    path: GRPC_PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  const answer = (_call: unknown, end: (error: null, value: Buffer) => void): void => {
    work();
    end(null, Buffer.alloc(0));
  };
  server.addService({ nothing: method }, { nothing: answer });
  return { server, credentials: grpc.ServerCredentials.createInsecure() };
}
