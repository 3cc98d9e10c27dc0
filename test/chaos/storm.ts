/** A kill every half second, for as long as the load goes on: of one worker, of all, of the whole relay, in turns. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, until } from "../support/relay.ts";
import type { Relay } from "../support/relay.ts";
import type { ChaosOptions } from "./options.ts";
import { between, createRandom } from "./random.ts";

const everyMs = 500;
/** Of so many kills one takes all workers; of twice as many, one takes the relay. */
const allWorkersIn = 4;

export interface StormOptions {
  readonly relay: Relay;
  /** Starts the next one at the same address. */
  readonly start: (grpc: string) => Promise<Relay>;
  readonly chaos: ChaosOptions;
  readonly round: number;
  readonly folder: string;
  /** The end of the load. */
  readonly until: Promise<unknown>;
}

/** @returns the relay that lives at the end, and how often one was hit */
export async function storm({
  relay,
  start,
  chaos,
  round,
  folder,
  until: loaded,
}: StormOptions): Promise<{ relay: Relay; crashes: number }> {
  const random = createRandom(`${chaos.seed}/${round}/storm`);
  let isOver = false;
  void loaded.finally(() => (isOver = true));
  let current = relay;
  let crashes = 0;
  for (let turn = 1; !isOver; turn++) {
    await sleep(everyMs);
    if (isOver) break;
    if (turn % (2 * allWorkersIn) === 0) {
      const pids = current.alive();
      process.kill(-current.pid, "SIGKILL");
      crashes++;
      await until(() => !pids.some(isAlive));
      await keepLog(current, folder);
      current = await start(current.grpcAddress);
      continue;
    }
    const workers = current.workerPids();
    const victims = turn % allWorkersIn === 0 ? workers : [workers[between(random, 0, workers.length - 1)]!];
    for (const pid of victims) if (isAlive(pid)) process.kill(pid, "SIGKILL");
    crashes++;
  }
  return { relay: current, crashes };
}

async function keepLog(relay: Relay, folder: string): Promise<void> {
  await relay[Symbol.asyncDispose]();
  const lines = relay.lines.map((line) => JSON.stringify(line));
  appendFileSync(join(folder, "relay.log"), `${lines.join("\n")}\n`);
}
