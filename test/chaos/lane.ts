/**
 * One relay that is killed round after round, on one store, with its client and its target. When all rounds are over
 * everything is judged once more, so that what came after a round's end is seen too.
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { startChild } from "../bench/child.ts";
import { isAlive, startRelay, until } from "../support/relay.ts";
import type { LogLine, Relay } from "../support/relay.ts";
import type { ClientOptions, LoadMessage, LoadResult, RepeatMessage } from "./client.ts";
import { openGrowingJournal, openJournal, readJournal } from "./journal.ts";
import type { CallEntry, GrowingJournal, JobEntry, KillKind, RequestEntry } from "./journal.ts";
import { judge } from "./judge.ts";
import type { Verdict } from "./judge.ts";
import type { Evidence, Fault } from "./known.ts";
import { roundOf } from "./load.ts";
import type { ChaosOptions } from "./options.ts";
import { between, createRandom } from "./random.ts";
import { awaitEnds, readJobs } from "./read-jobs.ts";
import type { StateCounts } from "./states.ts";
import { storm } from "./storm.ts";
import type { TargetOptions, TargetReady } from "./target.ts";

/** By lane. With few, much waits on disk; with many, much is under way. */
const parallelSends = [8, 64] as const;
const giveUpAfter = 2000;
const callsAfterWorkerKill = 40;
const maxLoadMs = 60_000;
/** A lease, and the time until somebody looks. */
const surelyPastLeaseMs = 16_000;
/** For processes that were killed, and for workers that drain when their supervisor is dead. */
const goneWithinMs = 40_000;

export interface Round {
  readonly round: number;
  readonly lane: number;
  readonly victim: KillKind;
  /** False if the condition for the kill never held. */
  readonly killed: boolean;
  /** Of a storm. */
  readonly crashes: number;
  /** How many jobs of the round the store had in each state right after the kill. */
  readonly states: StateCounts;
  readonly seconds: number;
  readonly verdict: Verdict;
}

export interface LaneResult {
  /** Over everything, at the end. */
  readonly verdict: Verdict;
}

interface Files {
  readonly folder: string;
  readonly calls: GrowingJournal<CallEntry>;
  readonly requests: GrowingJournal<RequestEntry>;
}

export interface LaneOptions {
  readonly lane: number;
  readonly folder: string;
  readonly chaos: ChaosOptions;
  /** The next round's number, or undefined if there are no more. */
  readonly nextRound: () => number | undefined;
  readonly onRound: (round: Round) => void;
}

export async function runLane({ lane, folder, chaos, nextRound, onRound }: LaneOptions): Promise<LaneResult> {
  mkdirSync(folder);
  const paths = { calls: join(folder, "calls.jsonl"), requests: join(folder, "requests.jsonl") };
  await using stack = new AsyncDisposableStack();
  const files = {
    folder,
    calls: stack.use(openGrowingJournal<CallEntry>(paths.calls)),
    requests: stack.use(openGrowingJournal<RequestEntry>(paths.requests)),
  };
  const target = await startChild<TargetReady>(new URL("target.ts", import.meta.url), {
    requests: paths.requests,
  } satisfies TargetOptions);
  stack.defer(() => target.child.end());
  const client = await startChild(new URL("client.ts", import.meta.url), paths satisfies ClientOptions);
  stack.defer(() => client.child.end());
  const start = (grpc?: string): Promise<Relay> =>
    startRelay({
      dir: folder,
      ...(grpc === undefined ? {} : { grpc }),
      workers: chaos.workers,
      detached: true,
      env: chaos.env,
      args: ["--parallel-sends", String(parallelSends[lane % parallelSends.length])],
    });
  let relay = await start();
  stack.defer(() => endRelay(relay, folder));

  for (let round = nextRound(); round !== undefined; round = nextRound()) {
    const startTime = performance.now();
    const victim = chaos.kill[round % chaos.kill.length]!;
    const message = loadMessage({ round, victim, relay, targetUrl: target.ready.url, chaos });
    const workers = message.pids.filter((pid) => relay.workerPids().includes(pid));
    const loaded = client.child.ask<LoadResult>(message);
    let crashes = 0;
    if (victim === "storm") {
      ({ relay, crashes } = await storm({ relay, start, chaos, round, folder, until: loaded }));
    }
    const isFenced = victim === "pause" && (await goOnAfterRecovery(relay, message, files, loaded));
    const { killed, states } = await loaded;
    const faults: Fault[] = [];
    const killedRelay = relay;
    if (killed) {
      // Of a whole group nobody is left; workers without a supervisor end what they have begun beside the new ones.
      if (victim === "group") faults.push(...(await awaitGone(killedRelay, round)));
      if (victim === "group" || victim === "supervisor") relay = await start();
      if (["worker", "workers", "stop"].includes(victim) || isFenced) {
        for (const pid of workers) await awaitSuccessor(relay, pid);
      }
    }
    if (killed || victim === "storm") {
      await client.child.ask<object>({
        kind: "repeat",
        round,
        seed: chaos.seed,
        address: relay.grpcAddress,
      } satisfies RepeatMessage);
      if (victim === "supervisor") faults.push(...(await awaitGone(killedRelay, round)));
      if (relay !== killedRelay) await endRelay(killedRelay, folder);
    }
    const ofRound = (id: string): boolean => roundOf(id) === round;
    const deadline = performance.now() + chaos.boundSeconds * 1000;
    const begun = files.calls
      .all()
      .flatMap((entry) => (entry.kind === "begun" ? entry.jobs.map(({ id }) => id) : []));
    await awaitEnds(relay.client, new Set(begun.filter(ofRound)), deadline);
    const verdict = judge(gather(files, await readJobs(relay.client, ofRound), `round-${round}`, ofRound));
    onRound({
      round,
      lane,
      victim,
      killed,
      crashes,
      states,
      seconds: (performance.now() - startTime) / 1000,
      verdict: { ...verdict, faults: [...verdict.faults, ...faults] },
    });
  }

  const verdict = judge(gather(files, await readJobs(relay.client, () => true), "all", () => true));
  const faults = [...verdict.faults, ...(await stopAndCheck(relay))];
  return { verdict: { ...verdict, faults } };
}

function loadMessage({
  round,
  victim,
  relay,
  targetUrl,
  chaos,
}: {
  round: number;
  victim: KillKind;
  relay: Relay;
  targetUrl: string;
  chaos: ChaosOptions;
}): LoadMessage {
  const random = createRandom(`${chaos.seed}/${round}/kill`);
  const worker = relay.workerPids()[between(random, 0, chaos.workers - 1)]!;
  const pids: { readonly [kind in KillKind]: readonly number[] } = {
    group: [-relay.pid],
    supervisor: [relay.pid],
    worker: [worker],
    workers: relay.workerPids(),
    stop: [worker],
    pause: [relay.pid, worker],
    storm: [],
  };
  return {
    kind: "load",
    round,
    seed: chaos.seed,
    address: relay.grpcAddress,
    targetUrl,
    profile: victim === "storm" ? { ...chaos.load, maxAttempts: 1000 } : chaos.load,
    victim,
    pids: pids[victim],
    signal: victim === "stop" || victim === "pause" ? "SIGSTOP" : "SIGKILL",
    killAt: victim === "storm" ? Number.MAX_SAFE_INTEGER : between(random, ...chaos.killAt),
    giveUpAfter: victim === "storm" ? Number.MAX_SAFE_INTEGER : giveUpAfter,
    maxMs: victim === "storm" ? chaos.stormSeconds * 1000 : maxLoadMs,
    store: relay.store,
    callsAfterKill: ["worker", "workers", "stop"].includes(victim) ? callsAfterWorkerKill : 0,
  };
}

/**
 * A worker and its supervisor stand still: until the other worker, at the end of a lease, takes the jobs of the one that
 * does not beat. Then both go on, and the one must find that nothing is its any more. Until then it answers nothing, and
 * the client waits.
 *
 * @returns false if nobody took its jobs, because nothing was stopped, it had none, or it stood still within a
 * transaction: then nobody can write until it goes on
 */
async function goOnAfterRecovery(
  relay: Relay,
  { round, pids }: LoadMessage,
  { calls }: Files,
  loaded: Promise<LoadResult>,
): Promise<boolean> {
  const before = new Set(relay.lines);
  const isNew = (line: LogLine): boolean => !before.has(line);
  const recovered = relay.line("recoverer: took back the jobs of lost workers", isNew).then(() => true);
  recovered.catch(() => {});
  let isOver = false;
  void loaded.finally(() => (isOver = true)).catch(() => {});
  const isStopped = (entry: CallEntry): boolean => entry.kind === "killed" && entry.round === round;
  await until(() => isOver || calls.all().some(isStopped));
  const isFenced = await Promise.race([recovered, sleep(surelyPastLeaseMs, false)]);
  for (const pid of pids) process.kill(pid, "SIGCONT");
  return isFenced;
}

/** Until the slot of a worker has its next generation. */
async function awaitSuccessor(relay: Relay, pid: number): Promise<void> {
  const isReady = (line: LogLine): boolean => line.msg === "worker is ready";
  const dead = relay.lines.find((line) => isReady(line) && line["pid"] === pid)!;
  const deadline = performance.now() + goneWithinMs;
  await until(() => {
    if (performance.now() > deadline) throw new Error(`nobody took the place of the killed worker ${pid}`);
    return relay.lines.some(
      (line) =>
        isReady(line) &&
        line["slot"] === dead["slot"] &&
        Number(line["generation"]) > Number(dead["generation"]),
    );
  });
}

async function awaitGone(relay: Relay, round: number): Promise<Fault[]> {
  const pids = relay.alive();
  const deadline = performance.now() + goneWithinMs;
  await until(() => !pids.some(isAlive) || performance.now() > deadline);
  const left = relay.alive();
  if (left.length === 0) return [];
  return [
    {
      kind: "inconsistent",
      id: `round ${round}`,
      why: `${left.length} processes of the killed relay live on`,
    },
  ];
}

async function endRelay(relay: Relay, folder: string): Promise<void> {
  await relay[Symbol.asyncDispose]();
  const lines = relay.lines.map((line) => JSON.stringify(line));
  appendFileSync(join(folder, "relay.log"), `${[...lines, relay.text()].join("\n")}\n`);
}

/** The last relay ends well, and SQLite finds nothing wrong with the file that went through all kills. */
async function stopAndCheck(relay: Relay): Promise<Fault[]> {
  const faults: Fault[] = [];
  const code = await relay.stop();
  if (code !== 0) faults.push({ kind: "inconsistent", id: "serve", why: `it ended with ${code}` });
  using database = new DatabaseSync(relay.store);
  const result = database.prepare("PRAGMA integrity_check").get()?.["integrity_check"];
  if (result !== "ok") faults.push({ kind: "inconsistent", id: relay.store, why: String(result) });
  return faults;
}

/** Keeps what was read of the jobs beside the journals, and reads all of it back. */
function gather(
  files: Files,
  jobs: readonly JobEntry[],
  name: string,
  isWanted: (id: string) => boolean,
): Evidence {
  const path = join(files.folder, `jobs-${name}.jsonl`);
  const journal = openJournal<JobEntry>(path);
  for (const job of jobs) journal.append(job);
  journal.close();
  const isOfRound = (entry: CallEntry): boolean =>
    isWanted(entry.kind === "killed" ? `r${entry.round}-` : "call" in entry ? entry.call : entry.id);
  return {
    calls: files.calls.all().filter(isOfRound),
    requests: files.requests.all().filter(({ id }) => isWanted(id)),
    jobs: readJournal<JobEntry>(path),
  };
}
