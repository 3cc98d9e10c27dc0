import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import type { Jitter, RetryPolicy } from "../../server/src/job/job.ts";
import { backoffMs } from "../../server/src/job/retry.ts";

const hour = 3_600_000;
const jitters: readonly Jitter[] = ["none", "full", "equal"];

function policyOf(changes: Partial<RetryPolicy>): RetryPolicy {
  return { initialBackoffMs: 1000, maxBackoffMs: hour, multiplier: 2, jitter: "none", ...changes };
}

/** Every policy that the API lets through (job.proto). */
const policies: fc.Arbitrary<RetryPolicy> = fc
  .record({
    initialBackoffMs: fc.integer({ min: 1, max: 24 * hour }),
    above: fc.nat({ max: 1000 * hour }),
    multiplier: fc.double({ min: 1, max: 100, noNaN: true }),
    jitter: fc.constantFrom(...jitters),
  })
  .map(({ initialBackoffMs, above, multiplier, jitter }) => ({
    initialBackoffMs,
    maxBackoffMs: initialBackoffMs + above,
    multiplier,
    jitter,
  }));
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const attempts = fc.oneof(
  fc.integer({ min: 1, max: 1000 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
);

describe("backoffMs", () => {
  test.each([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [10, 512_000],
    [12, 2_048_000],
    [13, hour],
    [1000, hour],
  ])("doubles from one second to one hour: attempt %i waits %i ms", (attempt, expected) => {
    expect(backoffMs(policyOf({}), attempt, 0.5)).toBe(expected);
  });

  test.each<[Jitter, number, number]>([
    ["none", 0, 8000],
    ["none", 0.999, 8000],
    ["full", 0, 0],
    ["full", 0.25, 2000],
    ["full", 0.5, 4000],
    ["equal", 0, 4000],
    ["equal", 0.25, 5000],
    ["equal", 0.5, 6000],
  ])("with jitter %s and random %d waits %i of 8000 ms", (jitter, random, expected) => {
    expect(backoffMs(policyOf({ jitter }), 4, random)).toBe(expected);
  });

  test("with multiplier 1 waits the same time each time", () => {
    for (const attempt of [1, 2, 50, 1e9]) {
      expect(backoffMs(policyOf({ multiplier: 1 }), attempt, 0)).toBe(1000);
    }
  });

  test("takes a multiplier that is not whole, and answers whole milliseconds", () => {
    expect(backoffMs(policyOf({ multiplier: 1.5 }), 3, 0)).toBe(2250);
    expect(backoffMs(policyOf({ initialBackoffMs: 1, multiplier: 1.5 }), 3, 0)).toBe(2);
  });

  test("stays within what its jitter allows of the grown and capped time", () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const full = Math.min(
          policy.maxBackoffMs,
          policy.initialBackoffMs * policy.multiplier ** (attempt - 1),
        );
        const bounds = { none: [full, full], full: [0, full], equal: [full / 2, full] } as const;
        const [least, most] = bounds[policy.jitter];
        const waits = backoffMs(policy, attempt, random);
        expect(waits).toBeGreaterThanOrEqual(Math.round(least));
        expect(waits).toBeLessThanOrEqual(Math.round(most));
      }),
    );
  });

  test("is a whole, finite number from zero to the cap, however huge the attempt's number", () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const waits = backoffMs(policy, attempt, random);
        expect(Number.isSafeInteger(waits)).toBe(true);
        expect(waits).toBeGreaterThanOrEqual(0);
        expect(waits).toBeLessThanOrEqual(policy.maxBackoffMs);
      }),
    );
  });

  test("never shrinks from one attempt to the next, for the same random number", () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 2000 }), randoms, (policy, attempt, random) => {
        expect(backoffMs(policy, attempt + 1, random)).toBeGreaterThanOrEqual(
          backoffMs(policy, attempt, random),
        );
      }),
    );
  });

  test("grows with the random number, except without jitter", () => {
    fc.assert(
      fc.property(policies, attempts, randoms, randoms, (policy, attempt, a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const difference = backoffMs(policy, attempt, high) - backoffMs(policy, attempt, low);
        expect(policy.jitter === "none" ? difference === 0 : difference >= 0).toBe(true);
      }),
    );
  });

  test("reaches the cap when it grows at all", () => {
    fc.assert(
      fc.property(policies, (policy) => {
        fc.pre(policy.multiplier >= 1.01);
        expect(backoffMs({ ...policy, jitter: "none" }, 10_000, 0)).toBe(policy.maxBackoffMs);
      }),
    );
  });
});
