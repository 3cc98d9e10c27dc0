// `npm run bench -- [BENCH] [options]`: the table of benches, and what each one runs.
import { cpus } from "node:os";
import { openChain } from "./chain/run.ts";
import { openFieldpost } from "./fieldpost.ts";
import { measureDelivery, type Measurement, type Subject, type SubjectOptions } from "./measure.ts";
import { measureNoop } from "./noop.ts";
import { parseOptions, usage, type Options } from "./options.ts";
import { formatTable, linesOf, ratioLines, type Line } from "./report.ts";

/** Hands back the lines to print and whether it lost something. */
type Bench = (options: Options) => Promise<Result>;
interface Result {
  lines: Line[];
  isLossless: boolean;
}

const benches: Record<string, Bench> = {
  /** Everything, with the ratios. */
  all: (options) => runRelay(options, { noop: true, chain: openChain, fieldpost: openFieldpost }),
  /** A grpc-js call that does nothing. */
  noop: (options) => runRelay(options, { noop: true }),
  /** The bare chain of DESIGN §6, the yardstick. */
  chain: (options) => runRelay(options, { noop: true, chain: openChain }),
  /** Fieldpost beside the chain. */
  fieldpost: (options) => runRelay(options, { chain: openChain, fieldpost: openFieldpost }),
};

type OpenSubject = (options: SubjectOptions) => Promise<Subject>;

/** In each round each part in its turn, so that what else the machine does hits all of them alike. */
async function runRelay(
  options: Options,
  parts: { noop?: boolean; chain?: OpenSubject; fieldpost?: OpenSubject },
): Promise<Result> {
  const noop: number[] = [];
  const chain: Measurement[] = [];
  const fieldpost: Measurement[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    if (parts.noop) noop.push(await step(round, "noop", () => measureNoop(options)));
    if (parts.chain) chain.push(await step(round, "chain", () => measureDelivery(parts.chain!, options)));
    if (parts.fieldpost) {
      fieldpost.push(await step(round, "fieldpost", () => measureDelivery(parts.fieldpost!, options)));
    }
  }
  const lines: Line[] = [];
  if (noop.length > 0) lines.push({ label: "noop: calls/s", values: noop, digits: 0 });
  if (chain.length > 0) lines.push(...linesOf("chain", chain));
  if (fieldpost.length > 0) lines.push(...linesOf("fieldpost", fieldpost));
  if (noop.length > 0 && chain.length > 0) {
    const values = chain.map((of, round) => of.acknowledgedPerSecond / noop[round]!);
    lines.push({ label: "chain / noop: acknowledged", values, digits: 3 });
  }
  if (fieldpost.length > 0) lines.push(...ratioLines(fieldpost, chain));
  return { lines, isLossless: [...chain, ...fieldpost].every(({ lost }) => lost === 0) };

  async function step<Value>(round: number, name: string, run: () => Promise<Value>): Promise<Value> {
    process.stderr.write(`round ${round} of ${options.rounds}: ${name}\n`);
    try {
      return await run();
    } catch (error) {
      // What was measured so far is printed all the same.
      if (chain.length > 0) process.stderr.write(`${formatTable(linesOf("chain", chain))}\n`);
      throw error;
    }
  }
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const bench = benches[options.bench];
  if (bench === undefined) {
    throw new Error(`no bench ${options.bench}, there are ${Object.keys(benches).join(", ")}\n${usage}`);
  }
  const { lines, isLossless } = await bench(options);
  process.stdout.write(
    `Node ${process.version}, ${cpus().length} cores; ${options.rounds} rounds of ${options.jobs} jobs after ` +
      `${options.warmup}, ${options.concurrency} calls in flight on ${options.connections} connections, ` +
      `generator ${options.client}\n\n${formatTable(lines)}\n`,
  );
  if (!isLossless) throw new Error("jobs were lost");
}

// With signals, too, everything that was started ends: its pipes to this process close.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
