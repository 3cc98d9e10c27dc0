import { Jitter } from "../gen/fieldpost/v1/job.ts";
import type {
  RetryPolicy as RetryPolicyMessage,
  StatusRange as StatusRangeMessage,
} from "../gen/fieldpost/v1/job.ts";
import type { Duration } from "../gen/google/protobuf/duration.ts";
import type { Jitter as JitterKind, RetryPolicy, StatusRange } from "../job/job.ts";
import type { Violations } from "./violations.ts";
import { checkDuration } from "./wire-time.ts";

const jitters: ReadonlyMap<Jitter, JitterKind> = new Map([
  [Jitter.JITTER_NONE, "none"],
  [Jitter.JITTER_FULL, "full"],
  [Jitter.JITTER_EQUAL, "equal"],
]);

const year = 365 * 24 * 3_600_000;
const maxStatusRanges = 32;

/** The answer may be used only if nothing was added to `violations`. */
export function checkRetryPolicy(
  policy: RetryPolicyMessage,
  at: string,
  defaults: RetryPolicy,
  violations: Violations,
): RetryPolicy {
  const given = (duration: Duration | undefined, field: string): number | undefined =>
    duration === undefined ? undefined : checkDuration(duration, `${at}.${field}`, 1, year, violations);
  const givenInitial = given(policy.initialBackoff, "initial_backoff");
  const givenMax = given(policy.maxBackoff, "max_backoff");
  // A default gives way to what the caller says.
  const initialBackoffMs = givenInitial ?? Math.min(defaults.initialBackoffMs, givenMax ?? Infinity);
  const maxBackoffMs = givenMax ?? Math.max(defaults.maxBackoffMs, initialBackoffMs);
  if (maxBackoffMs < initialBackoffMs) {
    violations.add(
      `${at}.max_backoff`,
      `is ${maxBackoffMs / 1000}s, must be at least initial_backoff, ${initialBackoffMs / 1000}s`,
    );
  }
  const multiplier = policy.multiplier === 0 ? defaults.multiplier : policy.multiplier;
  if (!(multiplier >= 1 && multiplier <= 100)) {
    violations.add(`${at}.multiplier`, `is ${multiplier}, must be from 1 to 100`);
  }
  const jitter = policy.jitter === Jitter.JITTER_UNSPECIFIED ? defaults.jitter : jitters.get(policy.jitter);
  if (jitter === undefined) violations.add(`${at}.jitter`, `${policy.jitter} is not a value of Jitter`);
  return {
    initialBackoffMs,
    maxBackoffMs,
    multiplier,
    jitter: jitter ?? defaults.jitter,
    maxAgeMs: given(policy.maxAge, "max_age") ?? defaults.maxAgeMs,
    retryStatuses:
      checkStatuses(policy.retryStatuses, `${at}.retry_statuses`, violations) ?? defaults.retryStatuses,
  };
}

function checkStatuses(
  ranges: readonly StatusRangeMessage[],
  field: string,
  violations: Violations,
): readonly StatusRange[] | undefined {
  if (ranges.length === 0) return undefined;
  if (ranges.length > maxStatusRanges) {
    violations.add(field, `are ${ranges.length}, at most ${maxStatusRanges} are allowed`);
    return undefined;
  }
  return ranges.map(({ first, last }, index) => {
    if (first < 300 || first > 999) {
      violations.add(`${field}[${index}].first`, `is ${first}, must be from 300 to 999`);
    }
    if (last !== 0 && (last < first || last > 999)) {
      violations.add(`${field}[${index}].last`, `is ${last}, must be 0, or from first, ${first}, to 999`);
    }
    return { first, last: last === 0 ? first : last };
  });
}
