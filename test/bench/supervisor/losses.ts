// What clients lose while workers are replaced, killed or crash.
import { setTimeout as delay } from "node:timers/promises";

import { connectAgainAndAgain } from "../../support/short-connections.ts";
import { callAgainAndAgain, requestAgainAndAgain } from "./clients.ts";
import type { Clients, Tally } from "./clients.ts";
import { killIfAlive, startSubject } from "./subjects.ts";
import type { Kind, Setup } from "./subjects.ts";

export const CLIENTS = 32;
export const CALLERS = 16;
/** Of each subject, and so as many are replaced at a time. */
const WORKERS = 2;
export const KILL_EVERY_MS = 300;
export const CRASH_LOOP_MS = 4000;
/** Where workers start more slowly than they are killed, there is no end to it. */
const LONGEST_MS = 60_000;

export interface Outcome extends Tally {
  /** How many workers were replaced or killed. */
  readonly times: number;
}

export async function replacedUnderConnections(setup: Setup, kind: Kind, count: number): Promise<Outcome> {
  await using subject = await startSubject(setup, kind, "tcp");
  return await during(connect(subject.port), count, async () => {
    await subject.replace();
    return WORKERS;
  });
}

export async function replacedUnderCalls(setup: Setup, kind: Kind, count: number): Promise<Outcome> {
  await using subject = await startSubject(setup, kind, "grpc");
  return await during(callAgainAndAgain(subject.port, CALLERS), count, async () => {
    await subject.replace();
    return WORKERS;
  });
}

/** Until so many workers are replaced. */
export async function replacedUnderKeptConnections(
  setup: Setup,
  kind: Kind,
  workers: number,
): Promise<Outcome> {
  await using subject = await startSubject(setup, kind, "http");
  const clients = requestAgainAndAgain(subject.port, CLIENTS);
  let times = 0;
  for (; times < workers; times += WORKERS) await subject.replace();
  return { ...(await clients.stop()), times };
}

/** Kills, in turn, only workers that are ready. */
export async function killed(setup: Setup, kind: Kind, count: number): Promise<Outcome> {
  await using subject = await startSubject(setup, kind, "tcp");
  let turn = 0;
  return await during(connect(subject.port), count, async () => {
    const ready = await subject.workerPids();
    const victim = ready[turn++ % Math.max(1, ready.length)];
    if (victim !== undefined) killIfAlive(victim);
    await delay(KILL_EVERY_MS);
    return victim === undefined ? 0 : 1;
  });
}

/** One of two workers is killed, and its successors all fail as soon as they listen. */
export async function crashing(setup: Setup, kind: Kind): Promise<Outcome> {
  await using subject = await startSubject(setup, kind, "tcp", { crashLoop: true });
  const [victim] = await subject.workerPids();
  killIfAlive(victim!);
  const clients = connect(subject.port);
  await delay(CRASH_LOOP_MS);
  return { ...(await clients.stop()), times: 1 };
}

/** From kill -9 of the parent until another one, on the same port, has answered; in milliseconds. */
export async function restarted(setup: Setup, kind: Kind): Promise<number> {
  await using first = await startSubject(setup, kind, "tcp");
  const startTime = performance.now();
  process.kill(first.pid, "SIGKILL");
  await using second = await startSubject(setup, kind, "tcp", { port: first.port });
  const load = connectAgainAndAgain({ host: "127.0.0.1", port: second.port }, 1);
  await load.reached(1);
  const elapsed = performance.now() - startTime;
  await load.stop();
  return elapsed;
}

function connect(port: number): Clients {
  return connectAgainAndAgain({ host: "127.0.0.1", port }, CLIENTS);
}

/** Disturbs again and again, until so many are served; `disturb` says how many workers it hit. */
async function during(clients: Clients, count: number, disturb: () => Promise<number>): Promise<Outcome> {
  const endTime = performance.now() + LONGEST_MS;
  let times = 0;
  do times += await disturb();
  while (clients.served() < count && performance.now() < endTime);
  return { ...(await clients.stop()), times };
}
