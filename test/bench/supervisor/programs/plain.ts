// The naive ways, each as good as it gets: `node plain.js KIND PROTOCOL WORKERS PORT [crash-loop]`, where KIND is `reuse-port` or
// `cluster`. Says the port when it is ready, and answers the line `replace` when each worker has been replaced by a new one,
// which listens before the old one ends, and the line `workers` with the pids of those that are ready.
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import cluster from "node:cluster";
import { once } from "node:events";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** How long to wait after a worker that did not start. */
const RETRY_MS = 200;

const [kind, protocol = "tcp", count = "2", wantedPort = "0", ...rest] = process.argv.slice(2);
const port = wantedPort === "0" ? await freePort() : Number(wantedPort);
const exec = fileURLToPath(new URL("plain-worker.js", import.meta.url));
const env = { ...process.env, PORT: String(port) };
const places = Array.from({ length: Number(count) }, () => ({
  /** Undefined while it starts. */
  worker: undefined as ChildProcess | undefined,
  /** Processes so far. */
  generation: 0,
}));

await Promise.all(places.map((_, index) => fill(index)));
process.stdout.write(`${port}\n`);
createInterface({ input: process.stdin }).on("line", (line) => void answer(line));
process.stdin.once("end", () => process.exit(0));

/** Starts a process in a place, again and again until one is ready; from then on there is another as soon as it dies. */
async function fill(index: number): Promise<void> {
  const place = places[index]!;
  for (;;) {
    const worker = start([protocol, `${index}`, `${++place.generation}`, ...rest]);
    const isReady = Promise.race([
      once(worker, "message").then(() => true),
      once(worker, "exit").then(() => false),
    ]);
    if (await isReady) {
      place.worker = worker;
      worker.once("exit", () => {
        if (place.worker !== worker) return;
        place.worker = undefined;
        void fill(index);
      });
      return;
    }
    await delay(RETRY_MS);
  }
}

function start(args: string[]): ChildProcess {
  if (kind !== "cluster") return fork(exec, args, { env });
  cluster.setupPrimary({ exec, args });
  return cluster.fork(env).process;
}

async function answer(line: string): Promise<void> {
  if (line === "replace") {
    for (const index of places.keys()) await replace(index);
    process.stdout.write("replaced\n");
  } else {
    const pids = places.flatMap(({ worker }) => worker?.pid ?? []);
    process.stdout.write(`${pids.join(" ")}\n`);
  }
}

async function replace(index: number): Promise<void> {
  const place = places[index]!;
  const old = place.worker;
  // Whoever died has a successor on its way already.
  if (old === undefined) return;
  place.worker = undefined;
  await fill(index);
  old.kill("SIGTERM");
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
