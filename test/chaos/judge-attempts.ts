/** Whether the requests that the target got and the attempts that the relay recorded of a job fit each other. */
import { changesOf } from "./known.ts";
import type { Known } from "./known.ts";
import type { JobEntry, RequestEntry } from "./journal.ts";
import { isSettled } from "./settled.ts";

export const isAccepted = ({ status }: RequestEntry): boolean => status >= 200 && status < 300;

export function isUnknown({ result }: { readonly result: string }): boolean {
  return result === "OUTCOME_UNKNOWN";
}

/** More than the one request, or the one attempt, that each run may have. */
export function tooManyInRuns({ planned, changes, requests }: Known, job: JobEntry): string[] {
  if (planned?.fate !== "fail" && planned?.fate !== "hold") return [];
  const wrong: string[] = [];
  if (requests.length > job.runCount)
    wrong.push(
      `the target got ${requests.length} requests in ${job.runCount} runs, and one was the most in each`,
    );
  for (const { runCount, attemptCount } of [...changes.flatMap(({ seen }) => seen ?? []), job]) {
    if (attemptCount > runCount)
      wrong.push(`${attemptCount} attempts began in ${runCount} runs, and one was the most in each`);
  }
  return wrong;
}

/** Requests for which no attempt accounts. */
export function wrongRequests(job: JobEntry, requests: readonly RequestEntry[]): string[] {
  const wrong: string[] = [];
  const seen = new Set<number>();
  for (const { attempt: number, status } of requests) {
    if (seen.has(number)) wrong.push(`attempt ${number} reached the target twice`);
    seen.add(number);
    const attempt = job.attempts.find((one) => one.number === number);
    if (attempt === undefined) {
      // The one that is under way is not among the attempts yet.
      if (isSettled(job.state) || number !== job.attemptCount)
        wrong.push(`the target got an attempt ${number} that nobody recorded`);
    } else if (!isUnknown(attempt) && attempt.httpStatus !== status) {
      wrong.push(
        `attempt ${number} is recorded as ${attempt.result} with status ${attempt.httpStatus}, the target got it and said ${status}`,
      );
    }
  }
  return wrong;
}

/** Attempts that do not fit each other, or that had an answer which the target never gave. */
export function wrongAttempts(known: Known, { state, attempts, attemptCount }: JobEntry): string[] {
  const wrong: string[] = [];
  const numbers = attempts.map(({ number }) => number).join(", ");
  // The last one has not ended yet, or has been recorded already.
  const possible = [attemptCount, ...(isSettled(state) && state !== "CANCELLED" ? [] : [attemptCount - 1])];
  if (
    !possible.some((count) => numbers === Array.from({ length: count }, (_, index) => index + 1).join(", "))
  )
    wrong.push(`of ${attemptCount} attempts these are recorded: ${numbers}`);
  const lastOfCancelled = new Set(
    changesOf(known, "retry").map(({ seen }) =>
      seen?.state === "CANCELLED" ? seen.attemptCount : undefined,
    ),
  );
  for (const { number, result, httpStatus } of attempts) {
    if (httpStatus !== 0 && !known.requests.some(({ attempt }) => attempt === number))
      wrong.push(`attempt ${number} is recorded with status ${httpStatus}, but the target never got it`);
    // The attempt that ran when its job was cancelled may have come to any end.
    const mayBeAny = (state === "CANCELLED" && number === attemptCount) || lastOfCancelled.has(number);
    if (!mayBeAny && (result === "SUCCEEDED") !== (number === attemptCount && state === "SUCCEEDED"))
      wrong.push(`attempt ${number} of ${attemptCount} is ${result}, and the job ${state}`);
  }
  return wrong;
}

export function countExplainedDoubles({ job, requests }: Known): number {
  const accepted = requests.filter(isAccepted);
  const unknown = new Set(job?.attempts.filter(isUnknown).map(({ number }) => number));
  return Math.max(
    0,
    Math.min(accepted.length - 1, accepted.filter(({ attempt }) => unknown.has(attempt)).length),
  );
}
