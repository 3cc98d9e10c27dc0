import type { RetryPolicy } from "./job.ts";

/**
 * How long to wait after the `attempt`-th attempt (1 for the first) failed, in whole milliseconds:
 * min(max, initial × multiplier^(attempt-1)), of which the jitter takes a part.
 *
 * @param random from 0 (inclusive) to 1 (exclusive)
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  const grown = policy.initialBackoffMs * policy.multiplier ** (attempt - 1);
  const full = Math.min(policy.maxBackoffMs, grown);
  switch (policy.jitter) {
    case "none":
      return Math.round(full);
    case "full":
      return Math.round(full * random);
    case "equal":
      return Math.round(full / 2 + (full / 2) * random);
    default:
      return policy.jitter satisfies never;
  }
}
