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
/** Of the first run of a job whose policy is to try again. */
const plain = { attemptsBefore: 0, ambiguityPolicy: "retry", retryPolicy } as const;

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
    expect(decide({ attempt, maxAttempts, ...plain }, { result, retryable }, now, 0, 0.5)).toEqual(expected);
  });

  test("gives the claim back when the relay stops before anything was sent, also that of the last attempt", () => {
    const error = { reason: "SHUTDOWN", message: "the worker stopped" } as const;
    const job = { attempt: 3, maxAttempts: 3, ...plain };
    expect(decide(job, { result: "not-sent", retryable: true, error }, now, 0, 0.5)).toEqual({
      event: "release",
    });
    expect(decide(job, { result: "outcome-unknown", retryable: true, error }, now, 0, 0.5)).toEqual(fail);
  });

  test("gives the claim back for a while when the machine has nothing left, also that of the last attempt", () => {
    const error = { reason: "LOCAL_EXHAUSTED", message: "EMFILE" } as const;
    const job = { attempt: 3, maxAttempts: 3, ...plain };
    expect(decide(job, { result: "not-sent", retryable: true, error }, now, 0, 0.5)).toEqual({
      event: "release",
      nextAttemptTime: now + 1500,
    });
    expect(decide(job, { result: "outcome-unknown", retryable: true, error }, now, 0, 0.5)).toEqual(fail);
  });

  test.each(["fail", "hold"] as const)(
    "with the ambiguity policy %s says so of an unknown outcome, and of no other",
    (ambiguityPolicy) => {
      const decideOn = (result: AttemptResult, attempt: number) =>
        decide(
          { ...plain, attempt, maxAttempts: 3, ambiguityPolicy },
          { result, retryable: true },
          now,
          0,
          0.5,
        );
      expect(decideOn("outcome-unknown", 1)).toEqual({ event: ambiguityPolicy });
      expect(decideOn("outcome-unknown", 3)).toEqual({ event: ambiguityPolicy });
      expect(decideOn("not-sent", 1)).toEqual(later(500));
      expect(decideOn("failed", 1)).toEqual(later(500));
      expect(decideOn("not-sent", 3)).toEqual(fail);
    },
  );

  test("counts the attempts of this run alone, for how many there may be and how long to wait", () => {
    const job = { ...plain, maxAttempts: 3, attemptsBefore: 10 };
    const outcome = { result: "failed", retryable: true } as const;
    expect(decide({ ...job, attempt: 11 }, outcome, now, 0, 0.5)).toEqual(later(500));
    expect(decide({ ...job, attempt: 12 }, outcome, now, 0, 0.5)).toEqual(later(1000));
    expect(decide({ ...job, attempt: 13 }, outcome, now, 0, 0.5)).toEqual(fail);
  });

  test("waits as long as the target asks for, however long, and never less than the retry policy says", () => {
    const job = { ...plain, attempt: 1, maxAttempts: 3 };
    const after = (ms: number) => ({
      ...({ result: "failed", retryable: true } as const),
      passage: { retryAfterTime: now + ms },
    });
    expect(decide(job, after(86_400_000), now, 0, 0.5)).toEqual(later(86_400_000));
    expect(decide(job, after(100), now, 0, 0.5)).toEqual(later(500));
  });

  test("gives up when the next attempt would come after max_age, counted from the start of the run", () => {
    const outcome = { result: "failed", retryable: true } as const;
    const job = { ...plain, attempt: 1, maxAttempts: 3, retryPolicy: { ...retryPolicy, maxAgeMs: 10_000 } };
    expect(decide(job, outcome, now, 9500, 0.5)).toEqual(later(500));
    expect(decide(job, outcome, now, 9501, 0.5)).toEqual(fail);
    const late = { ...outcome, passage: { retryAfterTime: now + 10_001 } };
    expect(decide(job, late, now, 0, 0.5)).toEqual(fail);
  });

  test("always says something that can happen to a job of which an attempt runs", () => {
    fc.assert(
      fc.property(inputs, ({ attempt, maxAttempts, random, ...outcome }) => {
        const { event } = decide({ attempt, maxAttempts, ...plain }, outcome, now, 0, random);
        expect(nextState("DISPATCHING", event)).toBeDefined();
      }),
    );
  });

  test("succeeds exactly when the attempt did", () => {
    fc.assert(
      fc.property(inputs, ({ attempt, maxAttempts, random, ...outcome }) => {
        const { event } = decide({ attempt, maxAttempts, ...plain }, outcome, now, 0, random);
        expect(event === "succeed").toBe(outcome.result === "succeeded");
      }),
    );
  });

  test("never begins more attempts than the job may have", () => {
    fc.assert(
      fc.property(inputs, ({ attempt, maxAttempts, random, ...outcome }) => {
        const { event } = decide({ attempt, maxAttempts, ...plain }, outcome, now, 0, random);
        expect(event !== "retry-later" || attempt < maxAttempts).toBe(true);
      }),
    );
  });

  test("waits as long as the retry policy says, from now on", () => {
    fc.assert(
      fc.property(inputs, ({ attempt, random }) => {
        expect(
          decide(
            { attempt, maxAttempts: 1001, ...plain },
            { result: "failed", retryable: true },
            now,
            0,
            random,
          ),
        ).toEqual(later(backoffMs(retryPolicy, attempt, random)));
      }),
    );
  });
});
