// A worker of supervised.ts. With `crash-loop`, only the first process of slot 0 starts.
import type http from "node:http";

import { joinSupervisor, serveHttp } from "@fieldpost/supervisor/worker";

import { createServer } from "./serve.ts";

const [protocol, crash] = process.argv.slice(2);
const worker = await joinSupervisor();
if (crash === "crash-loop" && worker.slot === 0 && worker.generation > 1) process.exit(1);
const listener = worker.listener("main");
const place = `${worker.slot} ${worker.generation} ${process.pid}`;
if (protocol === "http") {
  const serving = await serveHttp(createServer("http", place) as http.Server, listener);
  worker.onDrain((deadlineMs) => serving.drain(deadlineMs));
} else {
  const connections = await listener.serve(createServer("tcp", place));
  worker.onDrain((deadlineMs) => connections.drain(deadlineMs));
}
worker.ready();
