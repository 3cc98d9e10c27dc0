import type { ClaimedJob, Outcome } from "./job.ts";
import { backoffMs } from "./retry.ts";

/** What follows from an attempt's outcome. */
export type Decision =
  | { readonly event: "succeed" | "fail" | "hold" }
  /** It is due again at once, or then. */
  | { readonly event: "release"; readonly nextAttemptTime?: number }
  | { readonly event: "retry-later"; readonly nextAttemptTime: number };

/** A machine that has no descriptor left is not asked for one again before. */
const exhaustedMs = 1000;

/**
 * Decides what becomes of a job whose attempt ended.
 *
 * @param now milliseconds since the epoch
 * @param ageMs how long ago the job's run began, by a clock that does not jump
 * @param random from 0 (inclusive) to 1 (exclusive), for the jitter
 */
export function decide(
  job: Pick<ClaimedJob, "attempt" | "attemptsBefore" | "maxAttempts" | "retryPolicy" | "ambiguityPolicy">,
  outcome: Pick<Outcome, "result" | "retryable"> & Partial<Pick<Outcome, "error" | "passage">>,
  now: number,
  ageMs: number,
  random: number,
): Decision {
  if (outcome.result === "succeeded") return { event: "succeed" };
  // That the relay stops, or its machine has nothing left, is no fault of the job's.
  if (outcome.result === "not-sent") {
    if (outcome.error?.reason === "SHUTDOWN") return { event: "release" };
    if (outcome.error?.reason === "LOCAL_EXHAUSTED") {
      return { event: "release", nextAttemptTime: now + Math.ceil(exhaustedMs * (1 + random)) };
    }
  }
  if (outcome.result === "outcome-unknown" && job.ambiguityPolicy !== "retry") {
    return { event: job.ambiguityPolicy };
  }
  const attempt = job.attempt - job.attemptsBefore;
  if (!outcome.retryable || attempt >= job.maxAttempts) return { event: "fail" };
  const backedOff = now + backoffMs(job.retryPolicy, attempt, random);
  const nextAttemptTime = Math.max(backedOff, outcome.passage?.retryAfterTime ?? backedOff);
  const { maxAgeMs } = job.retryPolicy;
  if (maxAgeMs !== undefined && ageMs + nextAttemptTime - now > maxAgeMs) return { event: "fail" };
  return { event: "retry-later", nextAttemptTime };
}
