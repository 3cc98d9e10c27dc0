// The naive way: `node plain.ts MODE PROTOCOL WORKERS [crash-loop]`, where MODE is `reuse-port` (each worker listens with
// SO_REUSEPORT, and closes its server when it is to end) or `cluster` (node:cluster). Says the port when it is ready, and
// `replaced` for each line `replace` that it is told: every worker by a new one, which listens before the old one ends.
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import cluster from "node:cluster";
import { once } from "node:events";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { createServer } from "./serve.ts";
import type { Protocol } from "./serve.ts";

const [mode, protocol = "tcp", count = "2", crash = ""] = process.argv.slice(2);

if (mode === "worker" || cluster.isWorker) await serve();
else await supervise();

async function serve(): Promise<void> {
  const isCluster = cluster.isWorker;
  const port = Number(process.env["PORT"]);
  const server = createServer(protocol as Protocol, `0 0 ${process.pid}`);
  server.listen({ port, host: "127.0.0.1", reusePort: !isCluster });
  await once(server, "listening");
  process.send?.({ port: (server.address() as AddressInfo).port });
  process.on("SIGTERM", () => server.close(() => process.exit(0)));
  process.on("disconnect", () => process.exit(0));
}

async function supervise(): Promise<void> {
  const port = await freePort();
  let generation = 0;
  const start = async (index: number): Promise<ChildProcess> => {
    const env = { ...process.env, PORT: String(port) };
    const self = fileURLToPath(import.meta.url);
    cluster.setupPrimary({ exec: self, args: [mode ?? "", protocol, count, crash] });
    const child =
      mode === "cluster"
        ? cluster.fork(env).process
        : fork(self, ["worker", protocol, count, crash], { env });
    generation++;
    if (crash === "crash-loop" && index === 0 && generation > Number(count)) child.kill("SIGKILL");
    child.once("exit", () => {
      // Whoever died without having been replaced is started again.
      if (workers[index] === child)
        void start(index).then(
          (next) => (workers[index] = next),
          () => {},
        );
    });
    await Promise.race([once(child, "message"), once(child, "exit")]);
    return child;
  };
  const workers: ChildProcess[] = [];
  for (let i = 0; i < Number(count); i++) workers.push(await start(i));
  process.stdout.write(`${port}\n`);
  createInterface({ input: process.stdin }).on("line", (line) => {
    if (line !== "replace") return;
    void (async () => {
      for (const [i, old] of workers.entries()) {
        workers[i] = await start(i);
        old.kill("SIGTERM");
      }
      process.stdout.write("replaced\n");
    })();
  });
  process.stdin.on("end", () => process.exit(0));
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
