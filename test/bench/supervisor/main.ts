// `npm run bench -- supervisor`: what is lost while workers are replaced, killed or crash, and what the supervisor costs; each
// beside the naive way, in the same run.
import http from "node:http";
import { setTimeout as delay } from "node:timers/promises";

import { connectAgainAndAgain } from "../../support/short-connections.ts";
import { killIfAlive, residentMiB, startSubject } from "./subjects.ts";
import type { Kind, Subject } from "./subjects.ts";

const CLIENTS = 32;
const KILL_EVERY_MS = 300;
const RATE_MS = 3000;
const MAX_TIMES = 100;

/** Prints all of it; `connections` is how many short ones each measurement makes at least. */
export async function benchSupervisor(rounds: number, connections: number): Promise<void> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  print(`Node ${process.version}; 2 workers, ${CLIENTS} clients\n`);

  print(`short TCP connections while workers are replaced without pause:`);
  for (const kind of ["supervisor", "reuse-port", "cluster"] as const) {
    const { served, failed, what, times } = await replaced(kind, connections);
    print(
      `  ${label(kind)} ${served} served, ${failed} failed${percent(failed, served)}${what}; ${times} replacements`,
    );
  }
  print(`requests on kept HTTP connections while 20 workers are replaced:`);
  for (const kind of ["supervisor", "reuse-port"] as const) {
    const { served, failed } = await kept(kind, 10);
    print(`  ${label(kind)} ${served} answered, ${failed} reset`);
  }
  print(`short TCP connections while a worker is killed (-9) every ${KILL_EVERY_MS} ms:`);
  for (const kind of ["supervisor", "reuse-port", "cluster"] as const) {
    const { served, failed, what, times } = await killed(kind, connections);
    print(
      `  ${label(kind)} ${served} served, ${failed} failed${percent(failed, served)}${what}; ${times} kills`,
    );
  }
  print(`200 connections while one of two workers crashes in a loop:`);
  {
    const { served, failed } = await crashing();
    print(`  ${label("supervisor")} ${served} served, ${failed} failed`);
  }
  const restart = await restarted();
  print(
    `after kill -9 of the supervisor, a new one on the same port: first answer after ${restart.toFixed(0)} ms`,
  );

  const costs = { start: [] as number[], main: [] as number[], worker: [] as number[] };
  const rates: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, kind, workers] of [
      ["2 pinned slots", "supervisor", 2],
      ["node:cluster, 2 workers", "cluster", 2],
      ["one process", "reuse-port", 1],
    ] as const) {
      await using subject = await startSubject(kind, "http", { workers });
      if (kind === "supervisor") {
        costs.start.push(subject.startMs);
        costs.main.push(residentMiB(subject.pid));
        costs.worker.push(...(await subject.workerPids()).map(residentMiB));
      }
      (rates[name] ??= []).push(await rate(subject));
    }
  }
  print(
    `idle: supervisor ${median(costs.main).toFixed(0)} MiB, worker ${median(costs.worker).toFixed(0)} MiB resident; ` +
      `${median(costs.start).toFixed(0)} ms from start to ready`,
  );
  const base = median(rates["one process"] ?? []);
  print(
    `requests a second on ${CLIENTS} kept connections, the clients on the same CPUs; ratio to one process:`,
  );
  for (const [name, values] of Object.entries(rates)) {
    print(`  ${name}: ${median(values).toFixed(0)} (${(median(values) / base).toFixed(2)})`);
  }
}

interface Outcome {
  served: number;
  failed: number;
  /** The errors, and how many each. */
  what: string;
  /** How often workers were replaced or killed. */
  times: number;
}

async function replaced(kind: Kind, connections: number): Promise<Outcome> {
  await using subject = await startSubject(kind, "tcp");
  return await during(subject, connections, () => subject.replace(), 2);
}

async function killed(kind: Kind, connections: number): Promise<Outcome> {
  await using subject = await startSubject(kind, "tcp");
  let turn = 0;
  return await during(
    subject,
    connections,
    async () => {
      const pids = await subject.workerPids();
      const victim = pids[turn++ % Math.max(1, pids.length)];
      if (victim !== undefined) killIfAlive(victim);
      await delay(KILL_EVERY_MS);
    },
    1,
  );
}

async function during(
  subject: Subject,
  connections: number,
  disturb: () => Promise<void>,
  each: number,
): Promise<Outcome> {
  const load = connectAgainAndAgain({ host: "127.0.0.1", port: subject.port }, CLIENTS);
  let times = 0;
  do {
    await disturb();
    times += each;
    // Where workers start more slowly than they are killed, there is no end to it.
  } while (load.served() < connections && times < MAX_TIMES);
  return { ...outcomeOf(await load.stop()), times };
}

function outcomeOf({ served, failures }: { served: number; failures: Readonly<Record<string, number>> }) {
  const kinds = Object.entries(failures);
  const failed = kinds.reduce((sum, [, count]) => sum + count, 0);
  const what = failed === 0 ? "" : ` (${kinds.map(([code, count]) => `${code} ${count}`).join(", ")})`;
  return { served, failed, what };
}

async function kept(kind: Kind, times: number): Promise<{ served: number; failed: number }> {
  await using subject = await startSubject(kind, "http");
  const clients = requestAgainAndAgain(subject.port);
  for (let i = 0; i < times; i++) await subject.replace();
  return await clients.stop();
}

async function crashing(): Promise<{ served: number; failed: number }> {
  await using subject = await startSubject("supervisor", "tcp", { crashLoop: true });
  const [victim] = await subject.workerPids();
  killIfAlive(victim!);
  const load = connectAgainAndAgain({ host: "127.0.0.1", port: subject.port }, 8);
  await load.reached(200);
  return outcomeOf(await load.stop());
}

async function restarted(): Promise<number> {
  await using first = await startSubject("supervisor", "tcp");
  const startTime = performance.now();
  process.kill(first.pid, "SIGKILL");
  await using second = await startSubject("supervisor", "tcp", { port: first.port });
  const load = connectAgainAndAgain({ host: "127.0.0.1", port: second.port }, 1);
  await load.reached(1);
  const elapsed = performance.now() - startTime;
  await load.stop();
  return elapsed;
}

async function rate(subject: Subject): Promise<number> {
  const clients = requestAgainAndAgain(subject.port);
  await delay(RATE_MS / 3);
  const before = clients.answered();
  const startTime = performance.now();
  await delay(RATE_MS);
  const answered = clients.answered() - before;
  const seconds = (performance.now() - startTime) / 1000;
  await clients.stop();
  return answered / seconds;
}

function requestAgainAndAgain(port: number) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  let served = 0;
  let failed = 0;
  let stopped = false;
  const once = (): Promise<boolean> =>
    new Promise((resolve) => {
      http
        .get({ host: "127.0.0.1", port, agent }, (response) => {
          response.resume().once("end", () => resolve(true));
          response.once("error", () => resolve(false));
        })
        .once("error", () => resolve(false));
    });
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!stopped) {
      if (await once()) served++;
      else failed++;
    }
  });
  return {
    answered: () => served,
    async stop() {
      stopped = true;
      await Promise.all(clients);
      agent.destroy();
      return { served, failed };
    },
  };
}

function label(kind: Kind): string {
  return `${{ supervisor: "inherited slots", "reuse-port": "plain reusePort", cluster: "node:cluster" }[kind]}:`.padEnd(
    17,
  );
}

function percent(failed: number, served: number): string {
  return failed === 0 ? "" : ` (${((100 * failed) / (failed + served)).toFixed(2)} %)`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
