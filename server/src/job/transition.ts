import type { ClaimedJob, Outcome } from "./job.ts";
import { backoffMs } from "./retry.ts";

/** What follows from an attempt's outcome. */
export type Decision =
  | { readonly event: "succeed" | "fail" | "release" }
  | { readonly event: "retry-later"; readonly nextAttemptTime: number };

/**
 * Decides what becomes of a job whose attempt ended.
 *
 * @param now milliseconds since the epoch
 * @param random from 0 (inclusive) to 1 (exclusive), for the jitter
 */
export function decide(
  job: Pick<ClaimedJob, "attempt" | "maxAttempts" | "retryPolicy">,
  outcome: Pick<Outcome, "result" | "retryable"> & Partial<Pick<Outcome, "error">>,
  now: number,
  random: number,
): Decision {
  if (outcome.result === "succeeded") return { event: "succeed" };
  // That the relay stops is no fault of the job's.
  if (outcome.result === "not-sent" && outcome.error?.reason === "SHUTDOWN") return { event: "release" };
  if (!outcome.retryable || job.attempt >= job.maxAttempts) return { event: "fail" };
  return { event: "retry-later", nextAttemptTime: now + backoffMs(job.retryPolicy, job.attempt, random) };
}
