/** Judges a kill proof by its journals, job by job. Pure: what it is given is all that it knows. */
import type { JobEntry } from "./journal.ts";
import {
  countExplainedDoubles,
  isAccepted,
  isUnknown,
  tooManyInRuns,
  wrongAttempts,
  wrongRequests,
} from "./judge-attempts.ts";
import { mayBeCancelled, mustBeCancelled, wrongBulkRetries, wrongChanges } from "./judge-changes.ts";
import { wrongDuplicates } from "./judge-dedup.ts";
import { findKills } from "./kills.ts";
import type { KillMoment } from "./kills.ts";
import { gatherKnown, isOwnAcknowledged } from "./known.ts";
import type { Evidence, Fault, FaultKind, Known } from "./known.ts";
import { isSettled } from "./settled.ts";

export interface Verdict {
  readonly faults: readonly Fault[];
  /** Jobs. */
  readonly acknowledged: number;
  /** Jobs of which no call was acknowledged, and that are in the store all the same. */
  readonly storedUnacknowledged: number;
  readonly requests: number;
  readonly unknownAttempts: number;
  /** How often a job was accepted by the target once more, where the attempt before says OUTCOME_UNKNOWN. */
  readonly explainedDoubles: number;
  readonly cancelled: number;
  readonly held: number;
  /** FAILED since nobody may send them again. */
  readonly failedInDoubt: number;
  /** Calls that were answered with another job, which has the dedup_key. */
  readonly duplicates: number;
  /** Calls of RetryJob that were answered, and that were cut off; and runs that BulkRetryJobs was answered to have begun. */
  readonly retried: number;
  readonly retriesCut: number;
  readonly retriedInBulk: number;
  /** Calls of DeleteJob. */
  readonly deleted: number;
  readonly deletesCut: number;
  readonly kills: readonly KillMoment[];
}

export function judge(evidence: Evidence): Verdict {
  const { jobs, requests } = evidence;
  const { jobs: known, calls } = gatherKnown(evidence);
  const all = [...known.values()];
  const faults = [...all.flatMap(judgeJob), ...wrongDuplicates(known)];
  for (const call of calls) {
    const count = call.jobs.filter(({ id }) => known.get(id)?.job !== undefined).length;
    if (count !== 0 && count !== call.jobs.length) {
      const why = `${count} of ${call.jobs.length} jobs were stored`;
      faults.push({ kind: "inconsistent", id: call.call, why });
    }
    faults.push(...wrongBulkRetries(call, known));
  }
  const changes = all.flatMap((one) => one.changes);
  const countChanges = (change: "retry" | "delete", isAnswered: boolean): number =>
    changes.filter((one) => one.change === change && (one.answered !== undefined) === isAnswered).length;
  return {
    faults,
    acknowledged: all.filter(isOwnAcknowledged).length,
    storedUnacknowledged: all.filter((one) => !isOwnAcknowledged(one) && one.job !== undefined).length,
    requests: requests.length,
    unknownAttempts: all.flatMap(({ job }) => job?.attempts ?? []).filter(isUnknown).length,
    cancelled: jobs.filter(({ state }) => state === "CANCELLED").length,
    held: jobs.filter(({ state }) => state === "HELD").length,
    failedInDoubt: all.filter(({ planned, job }) => planned?.fate === "fail" && job?.state === "FAILED")
      .length,
    explainedDoubles: all.reduce((sum, one) => sum + countExplainedDoubles(one), 0),
    duplicates: all.filter(({ acknowledged }) => acknowledged?.duplicateOf !== undefined).length,
    retried: countChanges("retry", true),
    retriesCut: countChanges("retry", false),
    retriedInBulk: calls.flatMap(({ bulk }) => bulk.counts).reduce((sum, count) => sum + count, 0),
    deleted: countChanges("delete", true),
    deletesCut: countChanges("delete", false),
    kills: findKills(evidence),
  };
}

function judgeJob(known: Known): Fault[] {
  const { id, planned, job, requests } = known;
  const acknowledged = isOwnAcknowledged(known);
  const faults: Fault[] = [];
  const fault = (kind: FaultKind, why: string): void => void faults.push({ kind, id, why });
  if (planned === undefined) fault("inconsistent", "nobody handed it over");
  if (job === undefined) {
    if (acknowledged) fault("lost", "it was acknowledged and is not in the store");
    if (requests.length > 0) fault("inconsistent", "it was sent and is not in the store");
    return faults;
  }
  if (!isSettled(job.state)) fault("stuck", `it is ${job.state}`);
  else if (!mayEndAs(known, job)) fault(acknowledged ? "lost" : "inconsistent", `it ended as ${job.state}`);
  else if (job.state === "SUCCEEDED" && !requests.some(isAccepted))
    fault(acknowledged ? "lost" : "inconsistent", "it SUCCEEDED, but the target never got it");
  for (const why of tooManyInRuns(known, job)) fault("doubled", why);
  for (const why of wrongRequests(job, requests)) fault("doubled", why);
  for (const { kind, why } of wrongChanges(known, job)) fault(kind, why);
  for (const why of wrongAttempts(known, job)) fault("inconsistent", why);
  for (const { attempt, idempotencyKey, bodyHash } of requests) {
    if (bodyHash !== planned?.bodyHash) fault("inconsistent", `attempt ${attempt} delivered another body`);
    if (idempotencyKey !== job.uid)
      fault("inconsistent", `attempt ${attempt} had the idempotency-key ${idempotencyKey}, not ${job.uid}`);
  }
  return faults;
}

function mayEndAs(known: Known, { state, runCount, attempts }: JobEntry): boolean {
  if (mustBeCancelled(known)) return state === "CANCELLED";
  if (state === "CANCELLED") return mayBeCancelled(known);
  const fate = known.planned?.fate;
  const isInDoubt = attempts.at(-1) !== undefined && isUnknown(attempts.at(-1)!);
  switch (state) {
    case "SUCCEEDED":
      return fate !== "refused";
    case "FAILED":
      return (fate === "refused" && attempts.at(-1)?.httpStatus === 400) || (fate === "fail" && isInDoubt);
    case "HELD":
      return fate === "hold" && isInDoubt;
    case "EXPIRED":
      return fate === "expires" && attempts.length === 0 && runCount === 1;
    default:
      return false;
  }
}
