import { expect, test } from "vitest";
import { parseOptions } from "./options.ts";
import { benches, planSubjects } from "./subjects.ts";

/** Each subject with the labels of those that its ratios are to. */
function plan(...args: string[]): [label: string, ...ratiosTo: string[]][] {
  const options = parseOptions(args);
  return planSubjects(benches[options.bench]!, options).map(({ result }) => [
    result.label,
    ...Object.values(result.ratiosTo).map(({ label }) => label),
  ]);
}

test("Fieldpost is compared with the chain of two processes", () => {
  expect(plan()).toEqual([["chain 2"], ["fieldpost 2", "chain 2"]]);
  expect(plan("--workers", "1,4")).toEqual([
    ["chain 2"],
    ["fieldpost 1", "chain 2"],
    ["fieldpost 4", "chain 2"],
  ]);
});

test("or with a chain of as many processes as it has workers", () => {
  expect(plan("--workers", "1,4", "--chain-processes", "same")).toEqual([
    ["chain 1"],
    ["chain 4"],
    ["fieldpost 1", "chain 1"],
    ["fieldpost 4", "chain 4"],
  ]);
});

test("what is delayed is compared with the chain that is delayed, too, and with itself undelayed", () => {
  expect(plan("--fsync-delay", "5ms,0ms")).toEqual([
    ["chain 2"],
    ["fieldpost 2", "chain 2"],
    ["chain 2 +5ms", "chain 2"],
    ["fieldpost 2 +5ms", "chain 2 +5ms", "fieldpost 2"],
  ]);
  expect(plan("--fsync-delay", "5ms")).toEqual([["chain 2 +5ms"], ["fieldpost 2 +5ms", "chain 2 +5ms"]]);
});

test("a bench leaves out what it does not name", () => {
  expect(plan("chain")).toEqual([["chain 2"]]);
  expect(plan("noop")).toEqual([]);
});
