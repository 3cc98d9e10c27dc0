import { describe, expect, it } from "vitest";
import { ConfigError, loadClientConfig, loadServeConfig, type Flags } from "../../server/src/config/load.ts";
import { renderOptionsMarkdown } from "../../server/src/config/markdown.ts";
import {
  allOptions,
  environmentOf,
  flagOf,
  laterOptions,
  serveOptions,
} from "../../server/src/config/options.ts";

function problemsOf(flags: Flags, environment: Record<string, string> = {}): readonly string[] {
  try {
    loadServeConfig(flags, environment);
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
    expect(rows.every((row) => row.replaceAll("\\|", "").split("|").length === 7)).toBe(true);
    expect(rows.find((row) => row.includes("--workers"))).toMatch(
      /^\| `--workers N\\\|auto` \| `FIELDPOST_WORKERS` \| `auto` \| `serve` \| how many processes/,
    );
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
      drainTimeoutMs: 30_000,
      pidFile: undefined,
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
      HOME: "/",
    };
    const config = loadServeConfig({ workers: "2", insecure: true, grpc: "0.0.0.0:0" }, environment);
    expect(config).toMatchObject({
      workers: 2,
      maxBodyBytes: 65_536,
      pidFile: "/run/x.pid",
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
    expect(Object.keys(serveOptions)).toHaveLength(19);
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
    expect(problemsOf({ [name]: name === "daemon" ? true : "x" })).toEqual([
      `flag --${name}: not offered in this release`,
    ]);
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
    [{ grpc: "127.0.0.1:7000", http: "127.0.0.1:7000" }, "--grpc and --http are both 127.0.0.1:7000"],
    [
      { "max-body": "2MiB", "max-message": "1MiB" },
      "--max-message 1048576 bytes must be at least --max-body 2097152 bytes",
    ],
    [
      { "retry-initial-backoff": "2h" },
      "--retry-max-backoff 3600000 ms must be at least --retry-initial-backoff 7200000 ms",
    ],
  ])("refuses values that do not go together: %o", (flags, problem) => {
    expect(problemsOf(flags)).toEqual([problem]);
  });
  it("lets both listeners take free ports", () => {
    expect(problemsOf({ grpc: "127.0.0.1:0", http: "127.0.0.1:0" })).toEqual([]);
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
