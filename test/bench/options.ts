// What `npm run bench -- [BENCH] [--option value]…` understands.
import { parseArgs } from "node:util";

export interface Options {
  bench: string;
  /** How often each subject is measured, in turn. */
  rounds: number;
  /** Jobs of one measurement. */
  jobs: number;
  /** Jobs before it, in the same processes: V8 needs about 40,000 until the figures stand still. */
  warmup: number;
  /** Calls in flight. */
  concurrency: number;
  /** Connections of the generator, all told. */
  connections: number;
  /** "raw" costs 8 µs a call, "grpc-js", a client as users have it, 75 µs. */
  client: "raw" | "grpc-js";
}

export const usage = `usage: npm run bench -- [BENCH] [options]
  --rounds N       measurements of each subject, in turn   (default 3)
  --jobs N         jobs of one measurement                 (default 20000)
  --warmup N       jobs before each measurement            (default 40000)
  --concurrency N  calls in flight                         (default 256)
  --connections N  connections of the generator            (default 8)
  --client KIND    the generator: raw or grpc-js           (default raw)`;

/** Throws an Error with a message for the user. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "3" },
      jobs: { type: "string", default: "20000" },
      warmup: { type: "string", default: "40000" },
      concurrency: { type: "string", default: "256" },
      connections: { type: "string", default: "8" },
      client: { type: "string", default: "raw" },
    },
  });
  if (positionals.length > 1) throw new Error(`one bench at a time, got ${positionals.join(" ")}`);
  const { client } = values;
  if (client !== "raw" && client !== "grpc-js")
    throw new Error(`--client ${client} is neither raw nor grpc-js`);
  return {
    bench: positionals[0] ?? "all",
    rounds: parseCount("rounds", values.rounds),
    jobs: parseCount("jobs", values.jobs),
    warmup: parseCount("warmup", values.warmup),
    concurrency: parseCount("concurrency", values.concurrency),
    connections: parseCount("connections", values.connections),
    client,
  };
}

function parseCount(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} ${text} is not a positive whole number`);
  return Number(text);
}
