import { describe, expect, it } from "vitest";
import {
  ConfigError,
  configPathOf,
  loadClientConfig,
  loadServeConfig,
  overriddenSettings,
  type Flags,
} from "../../server/src/config/load.ts";
import { renderOptionsMarkdown } from "../../server/src/config/markdown.ts";
import {
  allOptions,
  environmentOf,
  fileKeyOf,
  flagOf,
  laterOptions,
  serveOptions,
} from "../../server/src/config/options.ts";
import { parseConfigFile } from "../../server/src/config/parse-file.ts";

function problemsOf(
  flags: Flags,
  environment: Record<string, string> = {},
  file?: string,
): readonly string[] {
  try {
    loadServeConfig(flags, environment, file === undefined ? undefined : parseConfigFile(file, "f.yaml"));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("the table of options", () => {
  it("has defaults that its own types accept", () => {
    const refused = allOptions.filter(
      (option) => option.default !== undefined && option.type.parse(option.default) === undefined,
    );
    expect(refused).toEqual([]);
  });
  it("names each flag and environment name once", () => {
    const names = [...allOptions, ...laterOptions].flatMap((option) => [
      flagOf(option),
      environmentOf(option),
    ]);
    expect(new Set(names).size).toBe(names.length);
  });
  it("is rendered with a row for each option", () => {
    const rows = renderOptionsMarkdown().trimEnd().split("\n");
    expect(rows).toHaveLength(allOptions.length + 2);
    expect(rows.every((row) => row.replaceAll("\\|", "").split("|").length === 9)).toBe(true);
    const row = (flag: string): string | undefined => rows.find((one) => one.startsWith(`| \`${flag} `));
    expect(row("--workers")).toMatch(
      /^\| `--workers N\\\|auto` \| `FIELDPOST_WORKERS` \| `workers` \| `auto` \| live \| `serve` \| how many processes/,
    );
    expect(row("--max-body")).toContain("| `max_body` | `1MiB` | live |");
    expect(row("--config")).toMatch(
      /^\| `--config file` \| `FIELDPOST_CONFIG` \|  \|  \| restart \| `serve`, `reload`, `status` \|/,
    );
    expect(row("--deadline")).toContain("| `FIELDPOST_DEADLINE` |  | `30s` |  |");
  });
});

describe("the configuration of serve", () => {
  it("is complete, frozen and as documented when nothing is said", () => {
    const config = loadServeConfig({}, {});
    expect(config).toEqual({
      grpc: { kind: "tcp", host: "127.0.0.1", port: 50_051 },
      http: { kind: "tcp", host: "127.0.0.1", port: 8080 },
      workers: "auto",
      store: "./fieldpost.db",
      maxDepth: 1_000_000,
      maxBodyBytes: 1_048_576,
      maxMessageBytes: 33_554_432,
      parallelSends: 64,
      attemptTimeoutMs: 30_000,
      maxAttempts: 10,
      retryPolicy: { initialBackoffMs: 1000, maxBackoffMs: 3_600_000, multiplier: 2, jitter: "full" },
      responseCapBytes: 65_536,
      jobRetentionMs: 604_800_000,
      responseRetentionMs: 604_800_000,
      maxEndedJobs: undefined,
      drainTimeoutMs: 30_000,
      pidFile: undefined,
      logFile: undefined,
      daemon: false,
      insecure: false,
      logLevel: "info",
    });
    expect(Object.isFrozen(config) && Object.isFrozen(config.retryPolicy)).toBe(true);
  });

  it("takes flags before environment before defaults", () => {
    const environment = {
      FIELDPOST_WORKERS: "3",
      FIELDPOST_MAX_BODY: "64KiB",
      FIELDPOST_PID_FILE: "/run/x.pid",
      FIELDPOST_CONTROL: "/run/x.control",
      HOME: "/",
    };
    const config = loadServeConfig({ workers: "2", insecure: true, grpc: "0.0.0.0:0" }, environment);
    expect(config).toMatchObject({
      workers: 2,
      maxBodyBytes: 65_536,
      pidFile: "/run/x.pid",
      control: "/run/x.control",
      insecure: true,
      maxAttempts: 10,
    });
  });

  it.each([
    ["grpc", "localhost"],
    ["http", "8080"],
    ["workers", "0"],
    ["store", "postgres://localhost/fieldpost"],
    ["max-depth", "0"],
    ["max-body", "1MB"],
    ["max-message", "0"],
    ["parallel-sends", "many"],
    ["attempt-timeout", "30"],
    ["max-attempts", "1001"],
    ["retry-initial-backoff", "0s"],
    ["retry-max-backoff", "8d"],
    ["retry-multiplier", "0.5"],
    ["retry-jitter", "FULL"],
    ["response-cap", "-1"],
    ["drain-timeout", "forever"],
    ["pid-file", ""],
    ["max-connection-age", "0s"],
    ["log-file", ""],
    ["daemon", "1"],
    ["control", ""],
    ["insecure", "yes"],
    ["log-level", "loud"],
  ])("refuses a wrong --%s, from a flag and from the environment, with what is allowed", (name, value) => {
    const option = Object.values(serveOptions).find((candidate) => candidate.name === name)!;
    const rest = `: ${JSON.stringify(value)} is not ${option.type.allowed}`;
    expect(problemsOf({ [name]: value })).toEqual([`flag --${name}${rest}`]);
    const environmentName = environmentOf(option);
    expect(problemsOf({}, { [environmentName]: value })).toEqual([`environment ${environmentName}${rest}`]);
  });
  it("has a case for every option above", () => {
    expect(Object.keys(serveOptions)).toHaveLength(26);
  });

  it("reports everything that is wrong in one go", () => {
    expect(problemsOf({ workers: "x", "max-body": "y" }, { FIELDPOST_GPRC: "z" })).toHaveLength(3);
  });

  it("refuses unknown environment names by name, with the one that was meant", () => {
    expect(problemsOf({}, { FIELDPOST_WORKRES: "2" })).toEqual([
      "environment FIELDPOST_WORKRES: there is no such option; did you mean FIELDPOST_WORKERS?",
    ]);
    expect(problemsOf({}, { FIELDPOST_BLUE_CHEESE: "2" })).toEqual([
      "environment FIELDPOST_BLUE_CHEESE: there is no such option",
    ]);
  });
  it("leaves its own programs' names alone", () => {
    expect(
      problemsOf(
        {},
        {
          FIELDPOST_LAUNCHER: "/x",
          FIELDPOST_SUPERVISED: "1",
          FIELDPOST_INTERNAL_SLOT: "1",
          OTEL_X: "",
          PATH: "",
        },
      ),
    ).toEqual([]);
  });

  it.each(laterOptions.map(({ name }) => name))("says that --%s is not offered yet", (name) => {
    expect(problemsOf({ [name]: "x" })).toEqual([`flag --${name}: not offered in this release`]);
    const environmentName = environmentOf({ name });
    expect(problemsOf({}, { [environmentName]: "x" })).toEqual([
      `environment ${environmentName}: not offered in this release`,
    ]);
  });

  it.each(["grpc", "http"])(
    "refuses a --%s that others can reach, unless it is said to be --insecure",
    (name) => {
      for (const address of ["0.0.0.0:9000", "[::]:9000", "relay.example.com:9000"]) {
        const [problem, ...rest] = problemsOf({ [name]: address });
        expect(rest).toEqual([]);
        expect(problem).toContain(`--${name} ${address} can be reached from other machines`);
        expect(problem).toContain("--insecure (FIELDPOST_INSECURE=true)");
        expect(problemsOf({ [name]: address, insecure: true })).toEqual([]);
        expect(problemsOf({ [name]: address }, { FIELDPOST_INSECURE: "true" })).toEqual([]);
      }
      for (const address of ["localhost:9000", "[::1]:9000", "unix:/run/x.sock"]) {
        expect(problemsOf({ [name]: address })).toEqual([]);
      }
    },
  );

  it.each([
    [
      { grpc: "127.0.0.1:7000", http: "127.0.0.1:7000" },
      "--grpc 127.0.0.1:7000 and --http 127.0.0.1:7000 are the same",
    ],
    [
      { "log-file": "x/../fieldpost.db" },
      "--store ./fieldpost.db (default) and --log-file x/../fieldpost.db are the same file",
    ],
    [{ "pid-file": "/x", control: "/x" }, "--control /x and --pid-file /x are the same file"],
    [
      { daemon: true as const },
      "--daemon true needs --log-file: nobody reads the output of a relay in the background",
    ],
    [{ "max-body": "2MiB", "max-message": "1MiB" }, "--max-message 1MiB must be at least --max-body 2MiB"],
    [
      { "retry-initial-backoff": "2h" },
      "--retry-max-backoff 1h (default) must be at least --retry-initial-backoff 2h",
    ],
  ])("refuses values that do not go together: %o", (flags, problem) => {
    expect(problemsOf(flags)).toEqual([problem]);
  });
  it("lets both listeners take free ports", () => {
    expect(problemsOf({ grpc: "127.0.0.1:0", http: "127.0.0.1:0" })).toEqual([]);
  });
});

describe("the configuration of serve with a file", () => {
  it("takes flags before environment before file before defaults", () => {
    const file = parseConfigFile("workers: 4\nmax_attempts: 4\nmax_depth: 4\n", "f.yaml");
    const environment = { FIELDPOST_WORKERS: "3", FIELDPOST_MAX_ATTEMPTS: "3" };
    expect(loadServeConfig({ workers: "2" }, environment, file)).toMatchObject({
      workers: 2,
      maxAttempts: 3,
      maxDepth: 4,
      parallelSends: 64,
    });
    expect(overriddenSettings({ workers: "2" }, environment, file)).toEqual([
      "workers (flag --workers)",
      "max_attempts (environment FIELDPOST_MAX_ATTEMPTS)",
    ]);
  });

  it.each([
    ["grpc", "unix:/run/x.sock", { grpc: { kind: "unix", path: "/run/x.sock" } }],
    ["http", '"[::1]:9000"', { http: { kind: "tcp", host: "::1", port: 9000 } }],
    ["workers", "auto", { workers: "auto" }],
    ["store", "/var/lib/x.db", { store: "/var/lib/x.db" }],
    ["max_depth", "17", { maxDepth: 17 }],
    ["max_body", "1.5MiB", { maxBodyBytes: 1_572_864 }],
    ["max_message", "2097152", { maxMessageBytes: 2_097_152 }],
    ["parallel_sends", "3", { parallelSends: 3 }],
    ["attempt_timeout", "1m30s", { attemptTimeoutMs: 90_000 }],
    ["max_attempts", "'2'", { maxAttempts: 2 }],
    ["retry_initial_backoff", "2s", { retryPolicy: { initialBackoffMs: 2000 } }],
    ["retry_max_backoff", "1d", { retryPolicy: { maxBackoffMs: 86_400_000 } }],
    ["retry_multiplier", "2.0", { retryPolicy: { multiplier: 2 } }],
    ["retry_jitter", "none", { retryPolicy: { jitter: "none" } }],
    ["response_cap", "0", { responseCapBytes: 0 }],
    ["drain_timeout", "5s", { drainTimeoutMs: 5000 }],
    ["max_connection_age", "5m", { maxConnectionAgeMs: 300_000 }],
    ["pid_file", "5", { pidFile: "5" }],
    ["log_file", "/var/log/x.log", { logFile: "/var/log/x.log" }],
    ["daemon", "true\nlog_file: x", { daemon: true, logFile: "x" }],
    ["insecure", "true", { insecure: true }],
    ["log_level", "warn # a comment", { logLevel: "warn" }],
  ])("reads %s: %s as a flag's value is read", (key, value, expected) => {
    const config = loadServeConfig({}, {}, parseConfigFile(`${key}: ${value}\n`, "f.yaml"));
    expect(config).toMatchObject(expected);
  });

  it("refuses a wrong value of each key with its place, key, value and what is allowed", () => {
    for (const option of Object.values(serveOptions)) {
      // What no type takes: even a path is not empty.
      expect(problemsOf({}, {}, `# first line\n${fileKeyOf(option)}:   ""\n`)).toEqual([
        `f.yaml:2:${fileKeyOf(option).length + 5}: ${fileKeyOf(option)}: "" is not ${option.type.allowed}`,
      ]);
    }
  });

  it("refuses a wrong value also where a flag or the environment overrides it", () => {
    const problem = ['f.yaml:1:10: workers: "x" is not a whole number from 1 to 1,024, or auto'];
    expect(problemsOf({ workers: "2" }, {}, "workers: x\n")).toEqual(problem);
    expect(problemsOf({}, { FIELDPOST_WORKERS: "2" }, "workers: x\n")).toEqual(problem);
  });

  it("reports what is wrong in all sources in one go, and a long value shortened", () => {
    const long = "9".repeat(500);
    const problems = problemsOf(
      { workers: "x" },
      { FIELDPOST_GPRC: "z" },
      `max_bdy: 1\nmax_depth: ${long}\nmax_attempts: 0\n`,
    );
    expect(problems).toEqual([
      "f.yaml:1:1: max_bdy: there is no such key; did you mean max_body?",
      "environment FIELDPOST_GPRC: there is no such option; did you mean FIELDPOST_GRPC?",
      'flag --workers: "x" is not a whole number from 1 to 1,024, or auto',
      `f.yaml:2:12: max_depth: "${"9".repeat(100)}…" is not a whole number from 1 to 1,000,000,000`,
      'f.yaml:3:15: max_attempts: "0" is not a whole number from 1 to 1,000',
    ]);
  });

  it.each([
    [
      "max_body: 2MiB\nmax_message: 1MiB\n",
      {},
      "max_message: 1MiB (f.yaml:2:14) must be at least max_body: 2MiB (f.yaml:1:11)",
    ],
    [
      "max_body: 2MiB\n",
      { FIELDPOST_MAX_MESSAGE: "1MiB" },
      "FIELDPOST_MAX_MESSAGE=1MiB must be at least max_body: 2MiB (f.yaml:1:11)",
    ],
    [
      "retry_initial_backoff: 2h\n",
      {},
      "--retry-max-backoff 1h (default) must be at least retry_initial_backoff: 2h (f.yaml:1:24)",
    ],
    [
      "grpc: 127.0.0.1:8080\n",
      {},
      "grpc: 127.0.0.1:8080 (f.yaml:1:7) and --http 127.0.0.1:8080 (default) are the same",
    ],
  ])("says of values that do not go together where each is from: %j", (file, environment, problem) => {
    expect(problemsOf({}, environment, file)).toEqual([problem]);
  });
  it("does not add what a missing value would not go together with", () => {
    expect(problemsOf({}, {}, "max_body: 64MiB\nmax_message: [128MiB]\n")).toEqual([
      "f.yaml:2:14: max_message: must be a single value, and is a list",
    ]);
  });

  it("finds the file's path in the flag before the environment, and refuses an empty one", () => {
    expect(configPathOf({}, {})).toBeUndefined();
    expect(configPathOf({}, { FIELDPOST_CONFIG: "e.yaml" })).toBe("e.yaml");
    expect(configPathOf({ config: "f.yaml" }, { FIELDPOST_CONFIG: "e.yaml" })).toBe("f.yaml");
    expect(configPathOf({ config: "" }, { FIELDPOST_CONFIG: "e.yaml" })).toBeUndefined();
    expect(problemsOf({ config: "" })).toEqual(['flag --config: "" is not a path']);
    expect(problemsOf({}, { FIELDPOST_CONFIG: "" })).toEqual([
      'environment FIELDPOST_CONFIG: "" is not a path',
    ]);
  });
});

describe("the configuration of the commands that call a relay", () => {
  it("has an address and a deadline", () => {
    expect(loadClientConfig({}, {})).toEqual({
      grpc: { kind: "tcp", host: "127.0.0.1", port: 50_051 },
      deadlineMs: 30_000,
    });
    expect(loadClientConfig({ deadline: "5s" }, { FIELDPOST_GRPC: "unix:/run/x.sock" })).toEqual({
      grpc: { kind: "unix", path: "/run/x.sock" },
      deadlineMs: 5000,
    });
  });
  it("takes no port 0, and may call any machine", () => {
    expect(() => loadClientConfig({ grpc: "127.0.0.1:0" }, {})).toThrow(
      "--grpc: 127.0.0.1:0: port 0 cannot be called",
    );
    expect(loadClientConfig({ grpc: "relay.example.com:50051" }, {}).grpc).toMatchObject({ kind: "tcp" });
  });
  it("ignores what only serve takes, and refuses names that nobody knows", () => {
    expect(() => loadClientConfig({}, { FIELDPOST_WORKERS: "x" })).not.toThrow();
    expect(() => loadClientConfig({}, { FIELDPOST_DEADLNE: "1s" })).toThrow(
      "did you mean FIELDPOST_DEADLINE?",
    );
  });
});
