// A worker of supervised.ts: `PROTOCOL [crash-loop]`.
import type http from "node:http";

import { joinSupervisor, serveHttp } from "@fieldpost/supervisor/worker";
import type { Listener } from "@fieldpost/supervisor/worker";

import { createGrpcServer, createServer } from "./serve.ts";

const [protocol, crash] = process.argv.slice(2);
const worker = await joinSupervisor();
const serving = await serve(worker.listener("main"));
worker.onDrain((deadlineMs) => serving.drain(deadlineMs));
// In the loop only the first process of slot 0 starts; the others fail when they listen already.
if (crash === "crash-loop" && worker.slot === 0 && worker.generation > 1) process.exit(1);
worker.ready();

async function serve(listener: Listener) {
  if (protocol === "grpc") {
    const { serveGrpc } = await import("@fieldpost/supervisor/grpc");
    return serveGrpc({ ...(await createGrpcServer()), listener });
  }
  if (protocol === "http") return serveHttp(createServer("http", "") as http.Server, listener);
  return listener.serve(createServer("tcp", `${worker.slot} ${worker.generation} ${process.pid}`));
}
