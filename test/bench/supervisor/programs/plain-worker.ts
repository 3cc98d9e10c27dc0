// A worker of plain.ts, `PROTOCOL INDEX GENERATION [crash-loop]`, with the port in PORT: with node:cluster if that started it,
// otherwise on a socket of its own with SO_REUSEPORT. Ends at SIGTERM, when all that it has is finished.
import cluster from "node:cluster";
import { once } from "node:events";
import net from "node:net";

import { createGrpcServer, createServer } from "./serve.ts";
import type { Protocol } from "./serve.ts";

const GRACE_MS = 10_000;
const HOST = "127.0.0.1";
const port = Number(process.env["PORT"]);

const [protocol = "tcp", index, generation, crash] = process.argv.slice(2);
const close = protocol === "grpc" ? await serveGrpc() : await serve();
if (crash === "crash-loop" && index === "0" && generation !== "1") process.exit(1);
process.once("SIGTERM", close);
process.once("disconnect", () => process.exit(0));
process.send?.("ready");

/** Returns what ends it. */
async function serve(): Promise<() => void> {
  const server = createServer(protocol as Protocol, `${index} ${generation} ${process.pid}`);
  await listen(server);
  // disconnect() closes the server, and gives back what the primary has sent in the meantime.
  return () => (cluster.isWorker ? cluster.worker?.disconnect() : server.close(leave));
}

async function serveGrpc(): Promise<() => void> {
  const { server, credentials } = await createGrpcServer();
  if (cluster.isWorker) {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`${HOST}:${port}`, credentials, (error) => (error ? reject(error) : resolve()));
    });
    return () => {
      server.tryShutdown(() => cluster.worker?.disconnect());
      setTimeout(() => server.forceShutdown(), GRACE_MS);
    };
  }
  // bindAsync knows no reusePort, so the connections are accepted for it.
  const injector = server.createConnectionInjector(credentials);
  const acceptor = net.createServer({ noDelay: true }, (socket) => injector.injectConnection(socket));
  await listen(acceptor);
  return () => {
    acceptor.close(leave);
    injector.drain(GRACE_MS);
  };
}

async function listen(server: net.Server): Promise<void> {
  server.listen({ port, host: HOST, reusePort: !cluster.isWorker });
  await once(server, "listening");
}

function leave(): void {
  process.exit(0);
}
