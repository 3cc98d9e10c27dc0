import { expect, it } from "vitest";
import { decideChanges } from "../../server/src/config/changes.ts";
import { loadServeConfig } from "../../server/src/config/load.ts";
import { serveOptions } from "../../server/src/config/options.ts";
import { toServeConfig, toServeValues } from "../../server/src/config/serve-config.ts";

const current = loadServeConfig({}, {});

it("finds nothing where only the words differ", () => {
  const next = loadServeConfig({ "max-body": "1024KiB", "attempt-timeout": "0.5m" }, {});
  expect(decideChanges(current, next)).toEqual({ config: current, live: [], restart: [] });
});

it("applies what is live, keeps what needs a restart, and says both by key, old and new", () => {
  const next = loadServeConfig(
    { "max-body": "2MiB", "retry-jitter": "none", workers: "3", "pid-file": "/run/f.pid", grpc: "unix:/g" },
    {},
  );
  const { config, live, restart } = decideChanges(current, next);
  expect(live).toEqual([
    { option: "workers", from: "auto", to: "3" },
    { option: "max_body", from: "1MiB", to: "2MiB" },
    { option: "retry_jitter", from: "full", to: "none" },
  ]);
  expect(restart).toEqual([
    { option: "grpc", from: "127.0.0.1:50051", to: "unix:/g" },
    { option: "pid_file", from: "unset", to: "/run/f.pid" },
  ]);
  expect(config).toEqual({
    ...current,
    workers: 3,
    maxBodyBytes: 2_097_152,
    retryPolicy: { ...current.retryPolicy, jitter: "none" },
  });
  // It is compared with what is in force, so it is said again until it is.
  expect(decideChanges(config, next)).toMatchObject({ live: [], restart });
});

it("finds a change of each option", () => {
  const other = {
    ...{ grpc: "unix:/g", http: "unix:/h", workers: "3", store: "s", "max-depth": "3", "max-body": "3B" },
    ...{ "max-message": "3KiB", "parallel-sends": "3", "attempt-timeout": "3s", "max-attempts": "3" },
    ...{ "retry-initial-backoff": "3s", "retry-max-backoff": "3h", "retry-multiplier": "3" },
    ...{
      "retry-jitter": "equal",
      "response-cap": "3B",
      "drain-timeout": "3s",
      "pid-file": "p",
      control: "c",
    },
    ...{
      insecure: "true",
      "log-level": "error",
      "log-file": "l",
      daemon: "true",
      "max-connection-age": "3h",
      "job-retention": "3h",
      "response-retention": "3h",
      "max-ended-jobs": "3",
    },
  } as const;
  const next = loadServeConfig(other, {});
  const { live, restart } = decideChanges(current, next);
  expect(live.length + restart.length).toBe(Object.keys(serveOptions).length);
  expect(decideChanges(next, current)).toMatchObject({ restart: { length: restart.length } });
  expect(toServeConfig(toServeValues(next))).toEqual(next);
});

it("knows a configuration that went through JSON as the same", () => {
  const sent = JSON.parse(JSON.stringify(current)) as typeof current;
  expect(decideChanges(current, sent)).toMatchObject({ live: [], restart: [] });
});
