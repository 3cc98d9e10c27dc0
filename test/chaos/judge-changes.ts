/** Whether CancelJob, RetryJob, DeleteJob and BulkRetryJobs did what they were answered to have done. */
import type { JobEntry } from "./journal.ts";
import { changesOf } from "./known.ts";
import type { Change, Fault, Known, KnownCall } from "./known.ts";
import { isSettled } from "./settled.ts";

/**
 * What was sent before the answer may lie in the target's buffer for so long: on a machine with twenty relays and two CPUs
 * the target has stood still for more than a second.
 */
const arrivalSlackMs = 5000;

type Wrong = Pick<Fault, "kind" | "why">;

/** What was answered holds, until somebody asks for a new run. */
export function mustBeCancelled(known: Known): boolean {
  const cancel = known.changes.findLast(isCancelled);
  return cancel !== undefined && !known.changes.some((one) => isRetryAfter(cancel, one));
}

/** Not if a new run was answered after each cancel; one that was cut off may come after that. */
export function mayBeCancelled(known: Known): boolean {
  return changesOf(known, "cancel").some(
    (cancel) =>
      cancel.answered === undefined ||
      !known.changes.some((one) => isRetryAfter(cancel, one) && one.answered !== undefined),
  );
}

export function wrongChanges(known: Known, job: JobEntry): Wrong[] {
  return [...wrongRuns(known, job), ...wrongRequestsAfter(known), ...wrongDelete(known)];
}

function wrongRuns(known: Known, job: JobEntry): Wrong[] {
  const wrong: Wrong[] = [];
  const retries = changesOf(known, "retry");
  const answered = retries.filter((one) => one.answered !== undefined);
  const least = 1 + answered.length;
  const most = 1 + retries.length + known.bulkRetries;
  const count = `${answered.length} of ${retries.length} calls of RetryJob were answered, and it is in run ${job.runCount}`;
  if (job.runCount < least) wrong.push({ kind: "lost", why: count });
  if (job.runCount > most) wrong.push({ kind: "doubled", why: count });
  // What is stuck is called so.
  if (!isSettled(job.state)) return wrong;
  for (const { seen, begunAt } of answered) {
    // A cancel may have been quicker than the first attempt of the run.
    const isCut = ({ change, answered, begunAt: at }: Change): boolean =>
      change === "cancel" && (answered === undefined || at > begunAt);
    if (seen !== undefined && job.attemptCount <= seen.attemptCount && !known.changes.some(isCut))
      wrong.push({
        kind: "lost",
        why: `RetryJob was answered after ${seen.attemptCount} attempts, and no more came`,
      });
  }
  if (known.bulkRetries > 0 && job.runCount > 1 && job.attemptCount < job.runCount)
    wrong.push({
      kind: "lost",
      why: `it FAILED before each run, and has ${job.attemptCount} attempts in ${job.runCount}`,
    });
  return wrong;
}

function wrongRequestsAfter(known: Known): Wrong[] {
  return known.changes.flatMap((one) => {
    const { answered, change } = one;
    const isLast =
      change === "delete" || (isCancelled(one) && !known.changes.some((next) => isRetryAfter(one, next)));
    if (answered === undefined || !isLast) return [];
    const name = change === "delete" ? "DeleteJob" : "CancelJob";
    return known.requests
      .filter(({ time }) => time > answered.time + arrivalSlackMs)
      .map(({ attempt }) => ({
        kind: "doubled" as const,
        why: `attempt ${attempt} reached the target after ${name} had answered`,
      }));
  });
}

function wrongDelete(known: Known): Wrong[] {
  const isDeleted = changesOf(known, "delete").some(({ answered }) => answered !== undefined);
  return isDeleted && known.stored !== undefined
    ? [{ kind: "inconsistent", why: "DeleteJob was answered, and it is in the store" }]
    : [];
}

/** The runs that BulkRetryJobs began of the jobs of a call, of which nobody else asks anything. */
export function wrongBulkRetries(
  { call, jobs, bulk }: KnownCall,
  known: ReadonlyMap<string, Known>,
): Fault[] {
  if (bulk.begun === 0) return [];
  const began = jobs.reduce((sum, { id }) => sum + (known.get(id)?.job?.runCount ?? 1) - 1, 0);
  const answered = bulk.counts.reduce((sum, count) => sum + count, 0);
  const most = answered + (bulk.begun - bulk.counts.length) * jobs.length;
  if (began >= answered && began <= most) return [];
  const why = `BulkRetryJobs was answered ${bulk.counts.length} times out of ${bulk.begun}, with ${answered} runs, and ${began} began`;
  return [{ kind: began < answered ? "lost" : "doubled", id: call, why }];
}

function isCancelled({ change, answered }: Change): boolean {
  return change === "cancel" && answered?.state === "CANCELLED";
}

function isRetryAfter(one: Change, next: Change): boolean {
  return next.change === "retry" && next.begunAt > one.begunAt;
}
