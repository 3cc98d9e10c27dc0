import { expect, test } from "vitest";
import { parseOptions } from "./options.ts";

test("without options a bench measures everything with two workers, on the disk as it is", () => {
  expect(parseOptions([])).toMatchObject({
    bench: "all",
    rounds: 3,
    workers: [2],
    chainProcesses: 2,
    fsyncDelaysMs: [0],
    json: false,
  });
});

test("options are read", () => {
  const args = [
    "--workers",
    "1,2,8",
    "--chain-processes",
    "same",
    "--fsync-delay",
    "0ms,5ms,800us,0.5s",
    "--json",
  ];
  expect(parseOptions(["fieldpost", ...args])).toMatchObject({
    bench: "fieldpost",
    workers: [1, 2, 8],
    chainProcesses: "same",
    fsyncDelaysMs: [0, 5, 0.8, 500],
    json: true,
  });
});

test("a profile is of one round, if nothing else is said", () => {
  expect(parseOptions(["--profile", "x"])).toMatchObject({ rounds: 1, profile: "x" });
  expect(parseOptions(["--profile", "x", "--rounds", "2"])).toMatchObject({ rounds: 2 });
});

test.each([
  ["--workers 0", "--workers 0 is not a positive whole number"],
  ["--workers 1,,2", "--workers  is not a positive whole number"],
  ["--workers 2,2", "--workers 2,2 says the same twice"],
  ["--workers 9", "--connections 8 leaves some of 9 processes without one"],
  ["--chain-processes 9", "--connections 8 leaves some of 9 processes without one"],
  ["--chain-processes many", "--chain-processes many is not a positive whole number"],
  ["--fsync-delay 5", "--fsync-delay 5 is not a time such as 800us or 5ms, of at most 1s"],
  ["--fsync-delay 2s", "--fsync-delay 2s is not a time such as 800us or 5ms, of at most 1s"],
  ["--fsync-delay 5ms,5000us", "--fsync-delay 5ms,5000us says the same twice"],
  ["--client curl", "--client curl is neither raw nor grpc-js"],
  ["chain noop", "one bench at a time, got chain noop"],
  ["--round 3", "Unknown option '--round'"],
])("%s is refused", (args, message) => {
  expect(() => parseOptions(args.split(" "))).toThrow(message);
});
