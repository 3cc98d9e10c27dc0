/** Whether one job at the most had a dedup_key at any time, and who asked for another was told of a job that had it. */
import type { JobEntry } from "./journal.ts";
import { changesOf, isOwnAcknowledged } from "./known.ts";
import type { Fault, Known } from "./known.ts";

/** Milliseconds: the relay's times are whole ones. */
const slackMs = 1;

/** A time in which a job surely was there and had not ended. */
interface Span {
  readonly id: string;
  readonly from: number;
  readonly to: number;
}

export function wrongDuplicates(known: ReadonlyMap<string, Known>): Fault[] {
  const all = [...known.values()];
  const keyed = Map.groupBy(
    all.filter(({ planned }) => planned?.dedupKey !== undefined),
    ({ planned }) => planned!.dedupKey!,
  );
  return [
    ...all.flatMap((one) => wrongAnswer(one, known)),
    ...[...keyed].flatMap(([key, jobs]) => wrongSpans(key, jobs.flatMap(unendedSpans))),
  ];
}

function wrongAnswer(
  { id, planned, begunAt, acknowledged, stored }: Known,
  known: ReadonlyMap<string, Known>,
): Fault[] {
  const duplicateOf = acknowledged?.duplicateOf;
  if (duplicateOf === undefined) return [];
  const fault = (why: string): Fault[] => [
    { kind: "inconsistent", id, why: `it was answered with ${duplicateOf.id}, which ${why}` },
  ];
  const named = known.get(duplicateOf.id);
  if (named?.job === undefined) return fault("is not in the store");
  if (named.job.uid !== duplicateOf.uid) return fault(`has another uid than ${duplicateOf.uid}`);
  if (planned?.dedupKey === undefined || named.planned?.dedupKey !== planned.dedupKey)
    return fault("has another dedup_key");
  // What was seen to have ended before the call, and has had no new run, does not keep the key.
  const deleted = changesOf(named, "delete").find((one) => one.begunAt < begunAt[0]);
  if (deleted !== undefined) return fault("had ended before");
  // A call that was begun twice may have stored it the first time.
  if (stored !== undefined && begunAt[0] === begunAt[1])
    return fault("is another one, and it was stored all the same");
  return [];
}

function wrongSpans(key: string, spans: readonly Span[]): Fault[] {
  const faults: Fault[] = [];
  let last: Span | undefined;
  for (const span of spans.toSorted((one, other) => one.from - other.from)) {
    if (last !== undefined && last.id !== span.id && span.from + slackMs < last.to) {
      const until = last.to === Infinity ? "has not ended" : `ended at ${last.to}`;
      faults.push({
        kind: "doubled",
        id: span.id,
        why: `it was there at ${span.from} with the dedup_key ${key} of ${last.id}, which ${until}`,
      });
    }
    if (last === undefined || span.to > last.to) last = span;
  }
  return faults;
}

/**
 * By what was there at the latest and ended at the earliest: create_time and finish_time are taken before the commit, so a
 * job may have been made before the one with its key had ended, and yet have been stored after.
 */
function unendedSpans(known: Known): Span[] {
  const { id, job, acknowledged } = known;
  if (job === undefined) return [];
  const spans: Span[] = [];
  const spanTo = (from: number, { finishTime }: JobEntry): void => {
    if (from < (finishTime ?? Infinity)) spans.push({ id, from, to: finishTime ?? Infinity });
  };
  let from = Math.min(isOwnAcknowledged(known) ? acknowledged!.wallTime : Infinity, startOf(job, 1));
  for (const { seen, answered } of changesOf(known, "retry")) {
    // Of one that is HELD the time goes on.
    if (seen?.finishTime === undefined) continue;
    spanTo(from, seen);
    from = Math.min(answered?.wallTime ?? Infinity, startOf(job, seen.attemptCount + 1));
  }
  spanTo(from, job);
  return spans;
}

/**
 * When the attempt began, or the first one after it of which its own worker tells: the job is on disk before. Of a worker
 * that is lost only the claim is known, whose time is taken before the commit.
 */
function startOf({ attempts }: JobEntry, number: number): number {
  const told = attempts.find((one) => one.number >= number && one.reason !== "WORKER_LOST");
  return told?.startTime ?? Infinity;
}
