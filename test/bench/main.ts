// `npm run bench -- [BENCH] [options]`: the table of benches, and what each one runs.
import { cpus } from "node:os";
import { resolve } from "node:path";
import { openChain } from "./chain/run.ts";
import { openFieldpost } from "./fieldpost.ts";
import { measureDelivery, type OpenSubject } from "./measure.ts";
import { measureNoop } from "./noop.ts";
import { parseOptions, usage, type Options } from "./options.ts";
import { writeProfiles } from "./profile-report.ts";
import { formatReport, jsonReport, type BenchResult, type SubjectResult } from "./report.ts";

interface Bench {
  noop: boolean;
  chain: boolean;
  fieldpost: boolean;
}

const benches: Record<string, Bench> = {
  /** Everything, with the ratios. */
  all: { noop: true, chain: true, fieldpost: true },
  /** A grpc-js call that does nothing. */
  noop: { noop: true, chain: false, fieldpost: false },
  /** The bare chain of DESIGN §6, the yardstick. */
  chain: { noop: true, chain: true, fieldpost: false },
  /** Fieldpost beside the chain. */
  fieldpost: { noop: false, chain: true, fieldpost: true },
};

interface Subject {
  kind: "chain" | "fieldpost";
  open: OpenSubject;
  processes: number;
  result: SubjectResult;
}

/** In the order in which a round measures them: the yardsticks first. */
function planSubjects(bench: Bench, { workers, chainProcesses }: Options): Subject[] {
  const plan = (kind: Subject["kind"], open: OpenSubject, processes: number): Subject => ({
    kind,
    open,
    processes,
    result: { label: `${kind} ${processes}`, rounds: [] },
  });
  const chains = (chainProcesses === "same" ? workers : [chainProcesses]).map((count) =>
    plan("chain", openChain, count),
  );
  const fieldposts = workers.map((count) => plan("fieldpost", openFieldpost, count));
  if (bench.chain) {
    for (const [index, { result }] of fieldposts.entries()) {
      result.yardstick = (chains[index] ?? chains[0]!).result;
    }
  }
  return [...(bench.chain ? chains : []), ...(bench.fieldpost ? fieldposts : [])];
}

/** In each round each subject in its turn, so that what else the machine does hits all of them alike. */
async function runBench(bench: Bench, options: Options): Promise<BenchResult> {
  const subjects = planSubjects(bench, options);
  const result: BenchResult = { noop: [], subjects: subjects.map(({ result }) => result) };
  for (let round = 1; round <= options.rounds; round += 1) {
    if (bench.noop) {
      say(round, "noop");
      result.noop.push(await measureNoop(options));
    }
    for (const { kind, open, processes, result } of subjects) {
      say(round, result.label);
      result.rounds.push(await measureDelivery(open, { ...options, processes, ...profiling(kind, result) }));
    }
  }
  return result;

  function say(round: number, what: string): void {
    process.stderr.write(`round ${round} of ${options.rounds}: ${what}\n`);
  }

  function profiling(
    kind: Subject["kind"],
    { label }: SubjectResult,
  ): Pick<Parameters<typeof measureDelivery>[1], "onProfiles"> {
    const { profile } = options;
    if (profile === undefined) return {};
    return {
      onProfiles(profiles, processes) {
        const name = kind === "fieldpost" && options.workers.length > 1 ? label.replace(" ", "-") : kind;
        for (const file of writeProfiles(resolve(profile), name, profiles, processes)) {
          process.stderr.write(`wrote ${file}\n`);
        }
      },
    };
  }
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const bench = benches[options.bench];
  if (bench === undefined) {
    throw new Error(`no bench ${options.bench}, there are ${Object.keys(benches).join(", ")}\n${usage}`);
  }
  const result = await runBench(bench, options);
  if (options.json) {
    const machine = { node: process.version, cpus: cpus().length };
    process.stdout.write(`${JSON.stringify({ ...machine, options, ...jsonReport(result) }, undefined, 2)}\n`);
  } else {
    process.stdout.write(
      `Node ${process.version}, ${cpus().length} CPUs; ${options.rounds} rounds of ${options.jobs} jobs after ` +
        `${options.warmup}, ${options.concurrency} calls in flight on ${options.connections} connections, ` +
        `generator ${options.client}\nmedian (least–greatest) over the rounds\n\n${formatReport(result)}\n`,
    );
    if (options.profile !== undefined)
      process.stdout.write("\nUnder the profiler: not to be compared with runs without it.\n");
  }
  if (result.subjects.some(({ rounds }) => rounds.some(({ lost }) => lost > 0)))
    throw new Error("jobs were lost");
}

// With signals, too, everything that was started ends: its pipes to this process close.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
