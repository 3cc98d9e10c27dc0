// `npm run bench -- [BENCH] [options]`: runs the subjects of a bench in turn and prints what was measured.
import { cpus } from "node:os";
import { resolve } from "node:path";
import { benchBacklog } from "./backlog/main.ts";
import { benchFieldmask } from "./fieldmask/main.ts";
import { measureFsyncMs } from "./fsync-delay.ts";
import { measureDelivery, type MeasureOptions } from "./measure.ts";
import { measureNoop } from "./noop.ts";
import { parseOptions, usage, type Options } from "./options.ts";
import { benchPeers } from "./peers/main.ts";
import { writeProfiles } from "./profile-report.ts";
import { formatReport, jsonReport, type BenchResult } from "./report.ts";
import { benchSupervisor } from "./supervisor/main.ts";
import { benches, planSubjects, type Bench } from "./subjects.ts";

/** Those that measure and print in a way of their own. */
const others: Record<string, (options: Options) => Promise<void> | void> = {
  fieldmask: ({ rounds }) => benchFieldmask(rounds),
  supervisor: benchSupervisor,
  peers: benchPeers,
  backlog: benchBacklog,
};

/** In each round each subject in its turn, so that what else the machine does hits all of them alike. */
async function runBench(bench: Bench, options: Options): Promise<BenchResult> {
  const subjects = planSubjects(bench, options);
  const result: BenchResult = { noop: [], subjects: subjects.map(({ result }) => result) };
  for (let round = 1; round <= options.rounds; round += 1) {
    if (bench.noop) {
      say(round, "noop");
      result.noop.push(await measureNoop(options));
    }
    for (const { open, processes, fsyncDelayMs, result } of subjects) {
      say(round, result.label);
      const onProfiles = options.profile === undefined ? {} : { onProfiles: profileWriter(result.label) };
      result.rounds.push(await measureDelivery(open, { ...options, processes, fsyncDelayMs, ...onProfiles }));
    }
  }
  return result;

  function say(round: number, what: string): void {
    process.stderr.write(`round ${round} of ${options.rounds}: ${what}\n`);
  }

  function profileWriter(label: string): NonNullable<MeasureOptions["onProfiles"]> {
    return (profiles, processes) => {
      for (const file of writeProfiles(resolve(options.profile!), label, profiles, processes)) {
        process.stderr.write(`wrote ${file}\n`);
      }
    };
  }
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes("--help")) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const options = parseOptions(args);
  const other = others[options.bench];
  if (other !== undefined) return other(options);
  const bench = benches[options.bench];
  if (bench === undefined) {
    throw new Error(
      `no bench ${options.bench}, there are ${[...Object.keys(benches), ...Object.keys(others)].join(", ")}\n${usage}`,
    );
  }
  const fsyncMs: Record<string, number> = {};
  for (const delayMs of [0, ...options.fsyncDelaysMs]) {
    fsyncMs[`+${delayMs}ms`] ??= await measureFsyncMs(delayMs);
  }
  const result = await runBench(bench, options);
  if (options.json) {
    const machine = { node: process.version, cpus: cpus().length, fsyncMs };
    process.stdout.write(`${JSON.stringify({ ...machine, options, ...jsonReport(result) }, undefined, 2)}\n`);
  } else {
    const fsyncs = Object.entries(fsyncMs).map(([delay, ms]) => `${ms.toFixed(2)} ms (${delay})`);
    process.stdout.write(
      `Node ${process.version}, ${cpus().length} CPUs; rounds: ${options.rounds}, of ${options.jobs} jobs after ` +
        `${options.warmup}; ${options.concurrency} calls in flight on ${options.connections} connections, ` +
        `generator ${options.client}\none fdatasync of 4 KiB on an idle file: ${fsyncs.join(", ")}\n` +
        `median (least–greatest) over the rounds\n\n${formatReport(result)}\n`,
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
