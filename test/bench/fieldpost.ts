// Fieldpost itself, as a subject: `fieldpost serve` on SQLite, as users start it, through its gRPC surface.
import { spawn } from "node:child_process";
import { existsSync, readlinkSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { credentials } from "@grpc/grpc-js";
import { type Job, JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { RelayServiceClient } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { endProcess } from "./child.ts";
import type { Subject, SubjectOptions } from "./measure.ts";
import { descendants } from "./processes.ts";

const command = fileURLToPath(new URL("../../server/bin/fieldpost", import.meta.url));
const readyWithinMs = 30_000;
const recordedWithinMs = 10_000;
const drainWithinMs = 40_000;
/**
 * The target has all jobs, so those that are not recorded yet are among the last: within the measured time only these
 * are read. countLost reads every one.
 */
const lastJobs = 64;
const readsInFlight = 128;

export interface FieldpostOptions extends SubjectOptions {
  /** Of `serve`, beside those for workers, store and addresses. */
  flags?: readonly string[];
  /** Called as soon as it is started, with host:port. */
  onStart?: (address: { grpc: string; http: string }) => void;
}

export async function openFieldpost(options: FieldpostOptions): Promise<Subject> {
  const { folder, store, env, workers, onStart, flags: moreFlags = [] } = options;
  if (!existsSync(command)) throw new Error(`there is no ${command} yet: Fieldpost cannot be measured`);
  const [grpc, http] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const flags = [
    "--workers",
    String(workers),
    "--store",
    store,
    "--grpc",
    grpc,
    "--http",
    http,
    ...moreFlags,
  ];
  const server = spawn(command, ["serve", ...flags], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onStart?.({ grpc, http });
  let output = "";
  for (const stream of [server.stdout, server.stderr]) {
    stream.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000)));
  }
  let failure: string | undefined;
  server.once("error", (error) => (failure = error.message));
  server.once("exit", (code, signal) => (failure ??= `it ended with ${code ?? signal}`));
  // Whatever happens to the bench, no server stays behind.
  const killServer = (): void => {
    for (const pid of server.pid === undefined ? [] : descendants(server.pid)) killIfOurs(pid, folder);
  };
  process.once("exit", killServer);
  const end = async (): Promise<void> => {
    const pids = server.pid === undefined ? [] : descendants(server.pid).slice(1);
    if (server.pid !== undefined) await endProcess(server, drainWithinMs);
    // None is left of a supervisor that drained its workers.
    for (const pid of pids) killIfOurs(pid, folder);
    process.off("exit", killServer);
  };
  const deadlineMs = Date.now() + readyWithinMs;
  // One of them is ready; the others are on their way, and calls wait for them in their sockets.
  const areStarted = (): boolean => server.pid !== undefined && descendants(server.pid).length > workers;
  while (!areStarted() || !(await isReady(`http://${http}/readyz`))) {
    if (Date.now() > deadlineMs) failure ??= `/readyz did not answer 200 within ${readyWithinMs / 1000} s`;
    if (failure !== undefined) {
      await end();
      throw new Error(`fieldpost serve did not start: ${failure}\n${output}`);
    }
    await sleep(20);
  }
  const client = new RelayServiceClient(grpc, credentials.createInsecure());
  return {
    address: grpc,
    processes: [
      { name: "supervisor", pid: server.pid!, isWorker: false },
      // In the order of their slots: none was started anew.
      ...descendants(server.pid!)
        .slice(1)
        .map((pid, index) => ({ name: `worker ${index}`, pid, isWorker: true })),
    ],
    async awaitRecorded(names) {
      const deadlineMs = Date.now() + recordedWithinMs;
      let open = names.slice(-lastJobs);
      while (open.length > 0 && Date.now() < deadlineMs) open = await unfinished(client, open);
    },
    async countLost(names) {
      const deadlineMs = Date.now() + recordedWithinMs;
      let open = await unfinished(client, names);
      while (open.length > 0 && Date.now() < deadlineMs) {
        await sleep(100);
        open = await unfinished(client, open);
      }
      return open.length;
    },
    async end() {
      client.close();
      await end();
    },
  };
}

/** Those of `names` that are not SUCCEEDED. */
async function unfinished(client: RelayServiceClient, names: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  let next = 0;
  const read = async (): Promise<void> => {
    while (next < names.length) {
      const name = names[next++]!;
      const job = await new Promise<Job>((resolve, reject) => {
        client.getJob({ name, readMask: ["state"] }, (error, answer) =>
          error ? reject(error) : resolve(answer),
        );
      });
      if (job.state !== JobState.JOB_STATE_SUCCEEDED) left.push(name);
    }
  };
  await Promise.all(Array.from({ length: Math.min(readsInFlight, names.length) }, read));
  return left;
}

/** A pid may have gone to another process by now; only ours work in this folder. */
function killIfOurs(pid: number, folder: string): void {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`) === folder) process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Over HTTP. */
export async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
