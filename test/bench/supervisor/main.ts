// `npm run bench -- supervisor`: what is lost while workers are replaced, killed or crash, and what the supervisor costs; each
// beside the naive ways, in the same run.
import { summarize } from "../stats.ts";
import { compilePrograms } from "./build.ts";
import { measureIdle, measureRates, paths } from "./costs.ts";
import type { IdleCost, Path, Rate } from "./costs.ts";
import * as losses from "./losses.ts";
import type { Outcome } from "./losses.ts";
import { calibrate } from "./programs/work.ts";
import { describeTallies, inRounds, spread } from "./rounds.ts";
import { kinds } from "./subjects.ts";
import type { Kind, Setup } from "./subjects.ts";

export interface SupervisorBenchOptions {
  rounds: number;
  /** Short TCP connections of each measurement at least, over all rounds. */
  jobs: number;
  /** gRPC calls, likewise. */
  calls: number;
}

/** Of the CPU, for a TCP connection, a gRPC call and a request for /work. */
const WORK_MS = 0.3;
const REPLACED_UNDER_KEPT = 20;

/** Prints all of it. */
export async function benchSupervisor(options: SupervisorBenchOptions): Promise<void> {
  using programs = compilePrograms();
  const setup: Setup = { programs: programs.folder, steps: calibrate(WORK_MS) };
  print(
    `Node ${process.version}; 2 workers, compiled; rounds: ${options.rounds}, the kinds in turn in each\n` +
      `clients and servers share the CPUs; a connection, a call and /work cost ${WORK_MS} ms of CPU\n`,
  );
  await printLosses(setup, options);
  await printRestarts(setup, options.rounds);
  await printIdleCosts(setup, options.rounds);
  await printRates(setup, options.rounds);
}

interface Section {
  readonly title: string;
  readonly measure: (setup: Setup, kind: Kind, count: number) => Promise<Outcome>;
  /** Over all rounds: of what is served, or of workers that are replaced. */
  readonly count: number;
  readonly verb: string;
}

function sectionsOf({ jobs, calls }: SupervisorBenchOptions): Section[] {
  const connections = `short TCP connections (${losses.CLIENTS} clients)`;
  const replacing = "while workers are replaced without pause";
  return [
    {
      title: `${connections} ${replacing}`,
      measure: losses.replacedUnderConnections,
      count: jobs,
      verb: "replaced",
    },
    {
      title: `gRPC calls (${losses.CALLERS} callers, a new channel each) ${replacing}`,
      measure: losses.replacedUnderCalls,
      count: calls,
      verb: "replaced",
    },
    {
      title: `requests on ${losses.CLIENTS} kept HTTP connections while at least ${REPLACED_UNDER_KEPT} workers are replaced`,
      measure: losses.replacedUnderKeptConnections,
      count: REPLACED_UNDER_KEPT,
      verb: "replaced",
    },
    {
      title: `${connections} while a worker is killed (-9) every ${losses.KILL_EVERY_MS} ms`,
      measure: losses.killed,
      count: jobs,
      verb: "killed",
    },
    {
      title: `${connections} for ${losses.CRASH_LOOP_MS / 1000} s while one of two workers crashes as soon as it listens, again and again`,
      measure: losses.crashing,
      count: 0,
      verb: "killed",
    },
  ];
}

async function printLosses(setup: Setup, options: SupervisorBenchOptions): Promise<void> {
  for (const { title, measure, count, verb } of sectionsOf(options)) {
    print(`${title}:`);
    const share = Math.ceil(count / options.rounds);
    const outcomes = await inRounds(options.rounds, kinds, (kind) => measure(setup, kind, share));
    for (const [kind, results] of outcomes) {
      const times = results.reduce((sum, outcome) => sum + outcome.times, 0);
      print(`  ${label(kind)} ${describeTallies(results)}; ${times} ${verb}`);
    }
  }
}

async function printRestarts(setup: Setup, rounds: number): Promise<void> {
  print(`kill -9 of the parent, then another one on the same port: first answer after`);
  const restarts = await inRounds(rounds, kinds, (kind) => losses.restarted(setup, kind));
  for (const [kind, values] of restarts) print(`  ${label(kind)} ${spread(values)} ms`);
}

async function printIdleCosts(setup: Setup, rounds: number): Promise<void> {
  print(
    `idle, 1 s after the start, in MiB as RSS / PSS (which counts a page that processes share once all told):`,
  );
  const costs = await inRounds(rounds, kinds, (kind) => measureIdle(setup, kind));
  const memory = (results: readonly IdleCost[], of: "parent" | "worker" | "bare"): string =>
    (["rssMiB", "pssMiB"] as const)
      .map((size) => summarize(results.map((cost) => cost[of][size])).median.toFixed(0))
      .join(" / ");
  for (const [kind, results] of costs) {
    const startMs = spread(results.map((cost) => cost.startMs));
    print(
      `  ${label(kind)} parent ${memory(results, "parent")}, worker ${memory(results, "worker")}, ` +
        `bare \`node -e\` beside it ${memory(results, "bare")}; ${startMs} ms from start to ready`,
    );
  }
}

const lineUps = {
  "2 pinned slots": { kind: "supervisor", workers: 2 },
  "node:cluster, 2 workers": { kind: "cluster", workers: 2 },
  "plain reusePort, 2 workers": { kind: "reuse-port", workers: 2 },
  "one process": { kind: "reuse-port", workers: 1 },
} as const;
type LineUp = keyof typeof lineUps;

async function printRates(setup: Setup, rounds: number): Promise<void> {
  const connections = losses.CLIENTS;
  const names = Object.keys(lineUps) as LineUp[];
  const rates = await inRounds(rounds, names, (name) =>
    measureRates(setup, lineUps[name].kind, { workers: lineUps[name].workers, connections }),
  );
  const what: Record<Path, string> = { "/": "empty", "/work": `with ${WORK_MS} ms of CPU` };
  for (const path of paths) {
    print(
      `HTTP requests a second on ${connections} kept connections, ${what[path]}; the generator takes a share of the same CPUs, ` +
        `which two workers miss and one process does not:`,
    );
    const ofPath = (name: LineUp): Rate[] => rates.get(name)!.map((rate) => rate[path]);
    for (const name of names) print(`  ${describeRates(name, ofPath(name), ofPath("one process"))}`);
  }
}

function describeRates(name: LineUp, rates: readonly Rate[], base: readonly Rate[]): string {
  const perSecond = summarize(rates.map((rate) => rate.perSecond)).median.toFixed(0);
  const ratio = spread(
    rates.map((rate, round) => rate.perSecond / base[round]!.perSecond),
    2,
  );
  const cpu = spread(
    rates.map((rate) => rate.cpuMsPerThousand),
    1,
  );
  const generator = summarize(rates.map((rate) => rate.generatorCpuMsPerThousand)).median.toFixed(1);
  return (
    `${`${name}:`.padEnd(27)} ${perSecond}, to one process ${ratio}; ` +
    `CPU for 1000: servers ${cpu} ms, generator ${generator} ms`
  );
}

function label(kind: Kind): string {
  const names = { supervisor: "inherited slots", "reuse-port": "plain reusePort", cluster: "node:cluster" };
  return `${names[kind]}:`.padEnd(17);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
