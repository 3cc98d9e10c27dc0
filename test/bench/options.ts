// What `npm run bench -- [BENCH] [--option value]…` understands.
import { parseArgs } from "node:util";

export interface Options {
  bench: string;
  /** How often each subject is measured, in turn. */
  rounds: number;
  /** Jobs of one measurement. */
  jobs: number;
  /** gRPC calls of one measurement of the supervisor's bench. */
  calls: number;
  /** Jobs before it, in the same processes: V8 needs about 40,000 until the figures stand still. */
  warmup: number;
  /** Calls in flight. */
  concurrency: number;
  /** Connections of the generator, all told. */
  connections: number;
  /** "raw" costs 8 µs a call, "grpc-js", a client as users have it, 75 µs. */
  client: "raw" | "grpc-js";
  /** Fieldpost is measured with each of these. */
  workers: number[];
  /** Processes of the bare chain; "same": as many as Fieldpost has workers. */
  chainProcesses: number | "same";
  /** Everything is measured with each of these added to every fsync and fdatasync of the subjects. */
  fsyncDelaysMs: number[];
  /** Of measurements at a constant rate. */
  seconds: number;
  /** Jobs that wait in the stores that the bench of backlogs measures. */
  backlog: number[];
  /** Where to put CPU profiles and flame graphs. */
  profile: string | undefined;
  json: boolean;
}

export const usage = `usage: npm run bench -- [BENCH] [options]
  BENCH                all, noop, chain (with noop), fieldpost (with chain)                 (default all)
                       peers: beside BullMQ; batches and streams; knows --rounds, --jobs, --warmup, --concurrency,
                       --connections, --seconds, --json
                       backlog: with many jobs that wait; knows --rounds, --backlog, --seconds, --json
                       supervisor: knows --rounds, --calls and --jobs: its connections
                       fieldmask: knows --rounds
  --rounds N           measurements of each subject, in turn        (default 3; 1 with --profile)
  --jobs N             jobs of one measurement                      (default 20000)
  --calls N            gRPC calls of the supervisor's bench         (default 15000)
  --warmup N           jobs before each measurement                 (default 40000)
  --concurrency N      calls in flight                              (default 256)
  --connections N      connections of the generator                 (default 8)
  --client KIND        the generator: raw or grpc-js                (default raw)
  --workers N,…        Fieldpost with each number of workers        (default 2)
  --chain-processes N  processes of the bare chain; same: as many as Fieldpost has workers  (default 2)
  --fsync-delay D,…    every fsync of the subjects takes so much longer: 5ms; 0ms,800us  (default 0ms)
  --seconds N          of each measurement at a constant rate       (default 20)
  --backlog N,…        with each number of jobs that wait           (default 10000,1000000)
  --profile DIR        profiles the subjects, writes CPU profiles and flame graphs into DIR
  --json               prints JSON instead of tables`;

/** Throws an Error with a message for the user. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string" },
      jobs: { type: "string", default: "20000" },
      calls: { type: "string", default: "15000" },
      warmup: { type: "string", default: "40000" },
      concurrency: { type: "string", default: "256" },
      connections: { type: "string", default: "8" },
      client: { type: "string", default: "raw" },
      workers: { type: "string", default: "2" },
      "chain-processes": { type: "string", default: "2" },
      "fsync-delay": { type: "string", default: "0ms" },
      seconds: { type: "string", default: "20" },
      backlog: { type: "string", default: "10000,1000000" },
      profile: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  if (positionals.length > 1) throw new Error(`one bench at a time, got ${positionals.join(" ")}`);
  const { client } = values;
  if (client !== "raw" && client !== "grpc-js")
    throw new Error(`--client ${client} is neither raw nor grpc-js`);
  const workers = parseList("workers", values.workers, parseCount);
  const chainProcesses = values["chain-processes"];
  const options: Options = {
    bench: positionals[0] ?? "all",
    rounds: parseCount("rounds", values.rounds ?? (values.profile === undefined ? "3" : "1")),
    jobs: parseCount("jobs", values.jobs),
    calls: parseCount("calls", values.calls),
    warmup: parseCount("warmup", values.warmup),
    concurrency: parseCount("concurrency", values.concurrency),
    connections: parseCount("connections", values.connections),
    client,
    workers,
    chainProcesses: chainProcesses === "same" ? "same" : parseCount("chain-processes", chainProcesses),
    fsyncDelaysMs: parseList("fsync-delay", values["fsync-delay"], parseDelayMs),
    seconds: parseCount("seconds", values.seconds),
    backlog: parseList("backlog", values.backlog, parseCount),
    profile: values.profile,
    json: values.json,
  };
  const most = Math.max(...workers, chainProcesses === "same" ? 0 : Number(chainProcesses));
  if (options.connections < most)
    throw new Error(`--connections ${options.connections} leaves some of ${most} processes without one`);
  return options;
}

function parseList(name: string, text: string, parse: (name: string, text: string) => number): number[] {
  const values = text.split(",").map((part) => parse(name, part));
  if (new Set(values).size < values.length) throw new Error(`--${name} ${text} says the same twice`);
  return values;
}

function parseCount(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} ${text} is not a positive whole number`);
  return Number(text);
}

/** At most a second: with more, what waits for a subject takes it for dead. */
function parseDelayMs(name: string, text: string): number {
  const [, count, unit] = /^(\d{1,7}(?:\.\d{1,3})?)(us|ms|s)$/.exec(text) ?? [];
  const delayMs = Number(count) * { us: 0.001, ms: 1, s: 1000 }[(unit ?? "ms") as "us" | "ms" | "s"];
  if (count === undefined || delayMs > 1000)
    throw new Error(`--${name} ${text} is not a time such as 800us or 5ms, of at most 1s`);
  return delayMs;
}
