/**
 * The one table of options: name, type with its unit, default, which commands take it, what a change takes, and what it
 * is for. Flags, environment names, keys of the file, help, error messages and the reference in the documentation are
 * all made from it.
 */
import * as type from "./values.ts";
import type { ValueType } from "./values.ts";

export type CommandName = "serve" | "enqueue" | "get" | "list" | "reload" | "status";

export interface Option<T> {
  /** `max-body` is the flag --max-body, the environment name FIELDPOST_MAX_BODY and in the file the key max_body. */
  readonly name: string;
  readonly type: ValueType<T>;
  /** As a person would write it; undefined where the option is simply not set. */
  readonly default: string | undefined;
  readonly commands: readonly CommandName[];
  /** Lower case, no full stop. */
  readonly description: string;
  readonly reload?: Reload;
}

/**
 * What a change of the file takes in a relay that runs: `live` is in force at once, `restart` when `serve` is started
 * again.
 */
export type Reload = "live" | "restart";

/** An option that may stand in the configuration file. */
export interface ServeOption<T> extends Option<T> {
  readonly reload: Reload;
}

type ServeOptionTable = { readonly [key: string]: ServeOption<unknown> };
export type OptionTable = { readonly [key: string]: Option<unknown> };

/** What a table's values are, once all of them are read. */
export type ValuesOf<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key]["type"] extends ValueType<infer T>
    ? Table[Key]["default"] extends string
      ? T
      : T | undefined
    : never;
};

const serve = ["serve"] as const;

/** Where `serve` finds its options, beside flags and environment. Not a key of the file itself. */
export const sourceOptions = {
  configFile: {
    name: "config",
    type: type.file,
    default: undefined,
    commands: ["serve", "reload", "status"],
    reload: "restart",
    description: "read options from this YAML file, and again when it changes or SIGHUP comes",
  },
} as const satisfies OptionTable;

/** What `serve` takes, also from the file. The keys are those of ServeConfig, where `retry…` make its retryPolicy. */
export const serveOptions = {
  grpc: {
    name: "grpc",
    type: type.address,
    default: "127.0.0.1:50051",
    commands: ["serve", "enqueue", "get", "list"],
    reload: "restart",
    description: "the relay's gRPC address: serve listens there, the other commands call it",
  },
  http: {
    name: "http",
    type: type.address,
    default: "127.0.0.1:8080",
    commands: serve,
    reload: "restart",
    description: "where to listen for HTTP: health only",
  },
  workers: {
    name: "workers",
    type: type.countOrAuto(1, 1024),
    default: "auto",
    commands: serve,
    reload: "live",
    description: "how many processes serve; auto: one per core, at most 4 on SQLite",
  },
  store: {
    name: "store",
    type: type.storePath,
    default: "./fieldpost.db",
    commands: ["serve", "reload", "status"],
    reload: "restart",
    description: "where jobs are kept",
  },
  control: {
    name: "control",
    type: type.path,
    default: undefined,
    commands: ["serve", "reload", "status"],
    reload: "restart",
    description: "the unix socket of reload and status (default: beside the store, its name and .control)",
  },
  maxDepth: {
    name: "max-depth",
    type: type.count(1, 1_000_000_000),
    default: "1000000",
    commands: serve,
    reload: "live",
    description: "unfinished jobs the store holds before it answers RESOURCE_EXHAUSTED",
  },
  maxBodyBytes: {
    name: "max-body",
    type: type.bytes("1B", "256MiB"),
    default: "1MiB",
    commands: serve,
    reload: "live",
    description: "the largest body of a job",
  },
  maxMessageBytes: {
    name: "max-message",
    type: type.bytes("1KiB", "1GiB"),
    default: "32MiB",
    commands: serve,
    reload: "live",
    description: "the largest message received, a batch for instance; at least --max-body",
  },
  parallelSends: {
    name: "parallel-sends",
    type: type.count(1, 65_536),
    default: "64",
    commands: serve,
    reload: "live",
    description: "attempts that one worker has under way at the same time",
  },
  attemptTimeoutMs: {
    name: "attempt-timeout",
    type: type.duration("1ms", "30m"),
    default: "30s",
    commands: serve,
    reload: "live",
    description: "time for one attempt, for jobs that do not say it themselves",
  },
  maxAttempts: {
    name: "max-attempts",
    type: type.count(1, 1000),
    default: "10",
    commands: serve,
    reload: "live",
    description: "attempts at the most, for jobs that do not say it themselves",
  },
  retryInitialBackoffMs: {
    name: "retry-initial-backoff",
    type: type.duration("1ms", "7d"),
    default: "1s",
    commands: serve,
    reload: "live",
    description: "wait after the first failed attempt, for jobs that do not say it themselves",
  },
  retryMaxBackoffMs: {
    name: "retry-max-backoff",
    type: type.duration("1ms", "7d"),
    default: "1h",
    commands: serve,
    reload: "live",
    description: "the longest wait between attempts; at least --retry-initial-backoff",
  },
  retryMultiplier: {
    name: "retry-multiplier",
    type: type.factor(1, 100),
    default: "2",
    commands: serve,
    reload: "live",
    description: "by how much the wait grows with each attempt",
  },
  retryJitter: {
    name: "retry-jitter",
    type: type.choice("none", "full", "equal"),
    default: "full",
    commands: serve,
    reload: "live",
    description: "how much of the wait is random: none of it, all, or half",
  },
  responseCapBytes: {
    name: "response-cap",
    type: type.bytes("0B", "64MiB"),
    default: "64KiB",
    commands: serve,
    reload: "live",
    description: "how much of a target's response body is read and kept",
  },
  jobRetentionMs: {
    name: "job-retention",
    type: type.duration("1s", "3650d"),
    default: "7d",
    commands: serve,
    reload: "live",
    description: "how long a job that has ended is kept, for jobs that do not say it themselves",
  },
  responseRetentionMs: {
    name: "response-retention",
    type: type.duration("1s", "3650d"),
    default: "7d",
    commands: serve,
    reload: "live",
    description: "how long after a job's end its response is kept, at most as long as the job",
  },
  maxEndedJobs: {
    name: "max-ended-jobs",
    type: type.count(0, 1_000_000_000),
    default: undefined,
    commands: serve,
    reload: "live",
    description: "jobs that have ended and are kept; the oldest ends go first; not set: all",
  },
  drainTimeoutMs: {
    name: "drain-timeout",
    type: type.duration("1ms", "1d"),
    default: "30s",
    commands: serve,
    reload: "live",
    description: "how long a stopping worker may take to end what it has begun",
  },
  maxConnectionAgeMs: {
    name: "max-connection-age",
    type: type.duration("1s", "7d"),
    default: undefined,
    commands: serve,
    reload: "restart",
    description: "end connections at this age, give or take a tenth; not set: never",
  },
  pidFile: {
    name: "pid-file",
    type: type.path,
    default: undefined,
    commands: serve,
    reload: "restart",
    description: "a file for the supervisor's PID when it serves; a second relay with it is refused",
  },
  logFile: {
    name: "log-file",
    type: type.path,
    default: undefined,
    commands: serve,
    reload: "restart",
    description: "write the log, and all other output, to this file; SIGUSR1 opens it anew",
  },
  daemon: {
    name: "daemon",
    type: type.boolean,
    default: "false",
    commands: serve,
    reload: "restart",
    description: "serve in the background: return when that serves, or has failed; needs --log-file",
  },
  insecure: {
    name: "insecure",
    type: type.boolean,
    default: "false",
    commands: serve,
    reload: "restart",
    description: "listen beyond this machine although nobody is asked who they are",
  },
  logLevel: {
    name: "log-level",
    type: type.choice("trace", "debug", "info", "warn", "error", "silent"),
    default: "info",
    commands: serve,
    reload: "live",
    description: "log lines of this level and above",
  },
} as const satisfies ServeOptionTable;

/** What every command takes that calls a relay. */
export const clientOptions = {
  grpc: serveOptions.grpc,
  deadlineMs: {
    name: "deadline",
    type: type.duration("1ms", "1h"),
    default: "30s",
    commands: ["enqueue", "get", "list"],
    description: "time for one call",
  },
} as const satisfies OptionTable;

/** What the commands take that ask the supervisor itself, over its control socket. */
export const controlOptions = {
  configFile: sourceOptions.configFile,
  store: serveOptions.store,
  control: serveOptions.control,
} as const satisfies OptionTable;

/** Options whose names are taken, and which a later release offers. `value` is empty for a flag without one. */
export const laterOptions: readonly { readonly name: string; readonly value: string }[] = [
  { name: "tls-cert", value: "file" },
  { name: "tls-key", value: "file" },
  { name: "client-ca", value: "file" },
  { name: "token-file", value: "file" },
];

/** Environment names that the programs of Fieldpost set for each other; no option, and never refused. */
export const internalEnvironmentNames: ReadonlySet<string> = new Set([
  "FIELDPOST_LAUNCHER",
  "FIELDPOST_SUPERVISED",
]);
/** Names that begin so are ours as well (supervisor to worker). */
export const internalEnvironmentPrefix = "FIELDPOST_INTERNAL_";

/** Every option that this release offers, each once. */
export const allOptions: readonly Option<unknown>[] = [
  ...new Set<Option<unknown>>([
    ...Object.values(sourceOptions),
    ...Object.values(serveOptions),
    ...Object.values(clientOptions),
  ]),
];

/** `--max-body` */
export function flagOf(option: { readonly name: string }): string {
  return `--${option.name}`;
}

/** `FIELDPOST_MAX_BODY` */
export function environmentOf(option: { readonly name: string }): string {
  return `FIELDPOST_${option.name.toUpperCase().replaceAll("-", "_")}`;
}

/** `max_body` */
export function fileKeyOf(option: { readonly name: string }): string {
  return option.name.replaceAll("-", "_");
}
