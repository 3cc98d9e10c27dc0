import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import type { AttemptResult, RetryPolicy } from "../../server/src/job/job.ts";
import { backoffMs } from "../../server/src/job/retry.ts";
import { nextState } from "../../server/src/job/state.ts";
import { decide, type Decision } from "../../server/src/job/transition.ts";

const retryPolicy: RetryPolicy = {
  initialBackoffMs: 1000,
  maxBackoffMs: 60_000,
  multiplier: 2,
  jitter: "full",
};
const now = 1_700_000_000_000;

const inputs = fc.record({
  attempt: fc.integer({ min: 1, max: 1000 }),
  maxAttempts: fc.integer({ min: 1, max: 1000 }),
  result: fc.constantFrom<AttemptResult>("succeeded", "failed", "not-sent", "outcome-unknown"),
  retryable: fc.boolean(),
  random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

function later(ms: number): Decision {
  return { event: "retry-later", nextAttemptTime: now + ms };
}

describe("decide", () => {
  const succeed: Decision = { event: "succeed" };
  const fail: Decision = { event: "fail" };

  test.each<[AttemptResult, boolean, number, number, Decision]>([
    ["succeeded", false, 1, 3, succeed],
    ["succeeded", false, 3, 3, succeed],
    ["failed", true, 1, 3, later(500)],
    ["failed", true, 2, 3, later(1000)],
    ["failed", true, 3, 3, fail],
    ["failed", true, 1, 1, fail],
    ["failed", false, 1, 3, fail],
    ["not-sent", true, 1, 3, later(500)],
    ["not-sent", true, 3, 3, fail],
    ["outcome-unknown", true, 2, 3, later(1000)],
    ["outcome-unknown", true, 3, 3, fail],
    ["outcome-unknown", false, 1, 3, fail],
    // maxAttempts was lowered while the job ran.
    ["failed", true, 7, 3, fail],
  ])("%s, retryable %s, in attempt %i of %i", (result, retryable, attempt, maxAttempts, expected) => {
    expect(decide({ attempt, maxAttempts, retryPolicy }, { result, retryable }, now, 0.5)).toEqual(expected);
  });

  test("gives the claim back when the relay stops before anything was sent, also that of the last attempt", () => {
    const error = { reason: "SHUTDOWN", message: "the worker stopped" } as const;
    const job = { attempt: 3, maxAttempts: 3, retryPolicy };
    expect(decide(job, { result: "not-sent", retryable: true, error }, now, 0.5)).toEqual({
      event: "release",
    });
    expect(decide(job, { result: "outcome-unknown", retryable: true, error }, now, 0.5)).toEqual(fail);
  });

  test("always says something that can happen to a job of which an attempt runs", () => {
    fc.assert(
      fc.property(inputs, ({ attempt, maxAttempts, random, ...outcome }) => {
        const { event } = decide({ attempt, maxAttempts, retryPolicy }, outcome, now, random);
        expect(nextState("DISPATCHING", event)).toBeDefined();
      }),
    );
  });

  test("succeeds exactly when the attempt did", () => {
    fc.assert(
      fc.property(inputs, ({ attempt, maxAttempts, random, ...outcome }) => {
        const { event } = decide({ attempt, maxAttempts, retryPolicy }, outcome, now, random);
        expect(event === "succeed").toBe(outcome.result === "succeeded");
      }),
    );
  });

  test("never begins more attempts than the job may have", () => {
    fc.assert(
      fc.property(inputs, ({ attempt, maxAttempts, random, ...outcome }) => {
        const { event } = decide({ attempt, maxAttempts, retryPolicy }, outcome, now, random);
        expect(event !== "retry-later" || attempt < maxAttempts).toBe(true);
      }),
    );
  });

  test("waits as long as the retry policy says, from now on", () => {
    fc.assert(
      fc.property(inputs, ({ attempt, random }) => {
        expect(
          decide(
            { attempt, maxAttempts: 1001, retryPolicy },
            { result: "failed", retryable: true },
            now,
            random,
          ),
        ).toEqual(later(backoffMs(retryPolicy, attempt, random)));
      }),
    );
  });
});
