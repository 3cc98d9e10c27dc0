/** Judges a kill proof by its journals, job by job. Pure: what it is given is all that it knows. */
import type { CallEntry, Fate, JobEntry, KillKind, PlannedJob, RequestEntry } from "./journal.ts";

export interface Evidence {
  readonly calls: readonly CallEntry[];
  readonly requests: readonly RequestEntry[];
  readonly jobs: readonly JobEntry[];
}

/**
 * - `lost`: acknowledged, and not delivered, or ended otherwise than its fate allows.
 * - `doubled`: the target got a request that no attempt of its own accounts for: an attempt that got its answer, or one
 *   whose outcome is unknown; or a second one, where one is the most; or one after CancelJob had answered.
 * - `stuck`: had not ended when the time was up.
 * - `inconsistent`: everything else that does not fit together.
 */
export const faultKinds = ["lost", "doubled", "stuck", "inconsistent"] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Of the job, or of the call. */
  readonly id: string;
  readonly why: string;
}

/**
 * What there was to lose when a kill was sent, counted again from the journals. What the client saw itself counts where
 * it is less: it leaves out acknowledgements that were not on disk yet.
 */
export interface KillMoment {
  readonly round: number;
  readonly victim: KillKind;
  /** Acknowledged jobs of which the target had not got a request that it accepted. */
  readonly undelivered: number;
  /** Calls that were begun and had not ended. */
  readonly unanswered: number;
  /** Those of them that the kill cut off: no answer was on its way either. */
  readonly cut: number;
}

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
  readonly kills: readonly KillMoment[];
}

const terminalStates: ReadonlySet<string> = new Set(["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"]);
/** HELD waits for somebody to decide. */
const isSettled = (state: string): boolean => terminalStates.has(state) || state === "HELD";

/**
 * What was sent before the answer may lie in the target's buffer for so long: on a machine with twenty relays and two CPUs
 * the target has stood still for more than a second.
 */
const arrivalSlackMs = 5000;
const isAccepted = ({ status }: RequestEntry): boolean => status >= 200 && status < 300;

/** All that is known of one job. */
interface Known {
  readonly id: string;
  readonly bodyHash: string | undefined;
  readonly fate: Fate | undefined;
  /** Somebody asked for it, and when it was answered, if it was. */
  readonly cancel:
    { readonly answered: { readonly state: string; readonly time: number } | undefined } | undefined;
  readonly acknowledged: boolean;
  readonly job: JobEntry | undefined;
  readonly requests: readonly RequestEntry[];
}

export function judge({ calls, requests, jobs }: Evidence): Verdict {
  const acknowledgedCalls = new Set<string>();
  const jobsOfCall = new Map<string, readonly PlannedJob[]>();
  for (const entry of calls) {
    if (entry.kind === "acknowledged") acknowledgedCalls.add(entry.call);
    if (entry.kind === "begun") jobsOfCall.set(entry.call, entry.jobs);
  }
  const stored = new Map(jobs.map((job) => [job.id, job]));
  const received = Map.groupBy(requests, ({ id }) => id);
  const cancels = new Map<string, NonNullable<Known["cancel"]>>();
  for (const entry of calls) {
    if (entry.kind === "cancel-begun") cancels.set(entry.id, { answered: undefined });
    if (entry.kind === "cancel-answered") cancels.set(entry.id, { answered: entry });
  }
  const known = new Map<string, Known>();
  const learn = ({ id, ...planned }: Partial<PlannedJob> & { id: string }, acknowledged = false): void => {
    const { bodyHash, fate } = planned;
    const cancel = cancels.get(id);
    known.set(id, {
      id,
      bodyHash,
      fate,
      cancel,
      acknowledged,
      job: stored.get(id),
      requests: received.get(id) ?? [],
    });
  };
  for (const id of [...stored.keys(), ...received.keys()]) learn({ id });
  const faults: Fault[] = [];
  for (const [call, jobs] of jobsOfCall) {
    for (const job of jobs) learn(job, acknowledgedCalls.has(call));
    const count = jobs.filter(({ id }) => stored.has(id)).length;
    if (count !== 0 && count !== jobs.length)
      faults.push({ kind: "inconsistent", id: call, why: `${count} of ${jobs.length} jobs were stored` });
  }
  faults.push(...[...known.values()].flatMap(judgeJob));
  const all = [...known.values()];
  return {
    faults,
    acknowledged: all.filter(({ acknowledged }) => acknowledged).length,
    storedUnacknowledged: all.filter(({ acknowledged, job }) => !acknowledged && job !== undefined).length,
    requests: requests.length,
    unknownAttempts: jobs.flatMap(({ attempts }) => attempts).filter(isUnknown).length,
    cancelled: jobs.filter(({ state }) => state === "CANCELLED").length,
    held: jobs.filter(({ state }) => state === "HELD").length,
    failedInDoubt: all.filter(({ fate, job }) => fate === "fail" && job?.state === "FAILED").length,
    explainedDoubles: all.reduce((sum, one) => sum + countExplainedDoubles(one), 0),
    kills: findKills({ calls, requests }, jobsOfCall),
  };
}

function judgeJob(known: Known): Fault[] {
  const { id, bodyHash, acknowledged, job, requests } = known;
  const faults: Fault[] = [];
  const fault = (kind: FaultKind, why: string): void => void faults.push({ kind, id, why });
  if (bodyHash === undefined) fault("inconsistent", "nobody handed it over");
  if (job === undefined) {
    if (acknowledged) fault("lost", "it was acknowledged and is not in the store");
    if (requests.length > 0) fault("inconsistent", "it was sent and is not in the store");
    return faults;
  }
  if (!isSettled(job.state)) fault("stuck", `it is ${job.state}`);
  else if (!mayEndAs(known, job)) fault(acknowledged ? "lost" : "inconsistent", `it ended as ${job.state}`);
  else if (job.state === "SUCCEEDED" && !requests.some(isAccepted))
    fault(acknowledged ? "lost" : "inconsistent", "it SUCCEEDED, but the target never got it");
  for (const why of tooManyRequests(known)) fault("doubled", why);
  for (const why of wrongRequests(job, requests)) fault("doubled", why);
  for (const why of wrongAttempts(job, requests)) fault("inconsistent", why);
  for (const { attempt, idempotencyKey, bodyHash: received } of requests) {
    if (received !== bodyHash) fault("inconsistent", `attempt ${attempt} delivered another body`);
    if (idempotencyKey !== job.uid)
      fault("inconsistent", `attempt ${attempt} had the idempotency-key ${idempotencyKey}, not ${job.uid}`);
  }
  return faults;
}

function mayEndAs({ fate, cancel }: Known, { state, attempts }: JobEntry): boolean {
  // What was answered holds.
  if (cancel?.answered?.state === "CANCELLED") return state === "CANCELLED";
  if (state === "CANCELLED") return cancel !== undefined;
  const isInDoubt = attempts.at(-1) !== undefined && isUnknown(attempts.at(-1)!);
  switch (state) {
    case "SUCCEEDED":
      return fate !== "refused";
    case "FAILED":
      return (fate === "refused" && attempts.at(-1)?.httpStatus === 400) || (fate === "fail" && isInDoubt);
    case "HELD":
      return fate === "hold" && isInDoubt;
    case "EXPIRED":
      return fate === "expires" && attempts.length === 0;
    default:
      return false;
  }
}

function tooManyRequests({ fate, cancel, requests }: Known): string[] {
  const wrong: string[] = [];
  if ((fate === "fail" || fate === "hold") && requests.length > 1)
    wrong.push(`the target got ${requests.length} requests, and one was the most`);
  const { state, time = 0 } = cancel?.answered ?? {};
  for (const request of requests) {
    if (state === "CANCELLED" && request.time > time + arrivalSlackMs)
      wrong.push(`attempt ${request.attempt} reached the target after CancelJob had answered`);
  }
  return wrong;
}

/** Requests for which no attempt accounts. */
function wrongRequests(job: JobEntry, requests: readonly RequestEntry[]): string[] {
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
function wrongAttempts(
  { state, attempts, attemptCount }: JobEntry,
  requests: readonly RequestEntry[],
): string[] {
  const wrong: string[] = [];
  const numbers = attempts.map(({ number }) => number).join(", ");
  // The last one has not ended yet, or has been recorded already.
  const possible = [attemptCount, ...(isSettled(state) && state !== "CANCELLED" ? [] : [attemptCount - 1])];
  if (
    !possible.some((count) => numbers === Array.from({ length: count }, (_, index) => index + 1).join(", "))
  )
    wrong.push(`of ${attemptCount} attempts these are recorded: ${numbers}`);
  for (const { number, result, httpStatus } of attempts) {
    if (httpStatus !== 0 && !requests.some(({ attempt }) => attempt === number))
      wrong.push(`attempt ${number} is recorded with status ${httpStatus}, but the target never got it`);
    // The attempt that ran when its job was cancelled may have come to any end.
    const mayBeAny = state === "CANCELLED" && number === attemptCount;
    if (!mayBeAny && (result === "SUCCEEDED") !== (number === attemptCount && state === "SUCCEEDED"))
      wrong.push(`attempt ${number} of ${attemptCount} is ${result}, and the job ${state}`);
  }
  return wrong;
}

function countExplainedDoubles({ job, requests }: Known): number {
  const accepted = requests.filter(isAccepted);
  const unknown = new Set(job?.attempts.filter(isUnknown).map(({ number }) => number));
  return Math.max(
    0,
    Math.min(accepted.length - 1, accepted.filter(({ attempt }) => unknown.has(attempt)).length),
  );
}

function isUnknown({ result }: { readonly result: string }): boolean {
  return result === "OUTCOME_UNKNOWN";
}

function findKills(
  { calls, requests }: Pick<Evidence, "calls" | "requests">,
  jobsOfCall: ReadonlyMap<string, readonly { readonly id: string }[]>,
): KillMoment[] {
  const kills: KillMoment[] = [];
  const open: string[][] = [];
  const failed = new Set<string>();
  const unanswered = new Set<string>();
  const acknowledged = new Set<string>();
  for (const entry of calls) {
    if (entry.kind === "killed") {
      const delivered = new Set(
        requests.filter((one) => one.time <= entry.time && isAccepted(one)).map(({ id }) => id),
      );
      const { round, victim } = entry;
      const undelivered = [...acknowledged].filter((id) => !delivered.has(id)).length;
      kills.push({
        round,
        victim,
        undelivered: Math.min(entry.undelivered, undelivered),
        unanswered: Math.min(entry.unanswered, unanswered.size),
        cut: 0,
      });
      open.push([...unanswered]);
    } else if (entry.kind === "begun") unanswered.add(entry.call);
    else if (entry.kind === "acknowledged" || entry.kind === "failed") {
      unanswered.delete(entry.call);
      if (entry.kind === "acknowledged")
        for (const { id } of jobsOfCall.get(entry.call) ?? []) acknowledged.add(id);
      else failed.add(entry.call);
    }
  }
  return kills.map((kill, index) => ({
    ...kill,
    cut: open[index]!.filter((call) => failed.has(call)).length,
  }));
}
