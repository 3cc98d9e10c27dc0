/** What the journals have of each job of a kill proof. */
import type { CallEntry, ChangeKind, JobEntry, PlannedJob, RequestEntry } from "./journal.ts";

export interface Evidence {
  readonly calls: readonly CallEntry[];
  readonly requests: readonly RequestEntry[];
  readonly jobs: readonly JobEntry[];
}

/**
 * - `lost`: acknowledged, and not delivered, or ended otherwise than its fate allows; or RetryJob was answered, and no new
 *   run took place.
 * - `doubled`: the target got a request that no attempt of its own accounts for: an attempt that got its answer, or one
 *   whose outcome is unknown; or a second one in a run, where one is the most; or one after CancelJob or DeleteJob had
 *   answered. A run that nobody asked for. Two jobs with one dedup_key that had not ended, at the same time.
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

/** A change that somebody asked for. One of a job is over before the next one begins. */
export interface Change {
  readonly change: ChangeKind;
  readonly seen: JobEntry | undefined;
  /** Its place among the entries of the client. */
  readonly begunAt: number;
  /** Undefined if it was cut off: then it takes effect at any time, or never. */
  readonly answered?: Extract<CallEntry, { kind: "change-answered" }> | undefined;
}

/** All that is known of one job. */
export interface Known {
  readonly id: string;
  /** Undefined if nobody handed it over. */
  readonly planned: PlannedJob | undefined;
  /** Places of the first and the last begin of its call among the entries of the client. */
  readonly begunAt: readonly [first: number, last: number];
  readonly acknowledged: Extract<CallEntry, { kind: "acknowledged" }> | undefined;
  /** In their order, without those that were refused. */
  readonly changes: readonly Change[];
  /** How many calls of BulkRetryJobs meant it. */
  readonly bulkRetries: number;
  readonly stored: JobEntry | undefined;
  /** As it is stored; or, if it may have been deleted, as it was before. */
  readonly job: JobEntry | undefined;
  readonly requests: readonly RequestEntry[];
}

export interface BulkRetries {
  readonly begun: number;
  /** The counts of those that were answered. */
  readonly counts: readonly number[];
}

export interface KnownCall {
  readonly call: string;
  readonly jobs: readonly PlannedJob[];
  readonly bulk: BulkRetries;
}

/** True if the call stored the job: it was acknowledged, and not with another job. */
export function isOwnAcknowledged({ acknowledged }: Known): boolean {
  return acknowledged !== undefined && acknowledged.duplicateOf === undefined;
}

export function changesOf({ changes }: Known, change: ChangeKind): readonly Change[] {
  return changes.filter((one) => one.change === change);
}

export function gatherKnown({ calls, requests, jobs }: Evidence): {
  readonly jobs: ReadonlyMap<string, Known>;
  readonly calls: readonly KnownCall[];
} {
  const begun = new Map<string, { jobs: readonly PlannedJob[]; at: [number, number] }>();
  const acknowledged = new Map<string, Known["acknowledged"]>();
  const bulk = new Map<string, BulkRetries>();
  for (const [at, entry] of calls.entries()) {
    if (entry.kind === "begun")
      begun.set(entry.call, { jobs: entry.jobs, at: [begun.get(entry.call)?.at[0] ?? at, at] });
    else if (entry.kind === "acknowledged") acknowledged.set(entry.call, entry);
    else if (entry.kind === "bulk-retry-begun" || entry.kind === "bulk-retry-answered") {
      const { begun, counts } = bulk.get(entry.call) ?? { begun: 0, counts: [] };
      const isBegun = entry.kind === "bulk-retry-begun";
      bulk.set(
        entry.call,
        isBegun ? { begun: begun + 1, counts } : { begun, counts: [...counts, entry.count] },
      );
    }
  }
  const stored = new Map(jobs.map((job) => [job.id, job]));
  const received = Map.groupBy(requests, ({ id }) => id);
  const changes = gatherChanges(calls);
  const known = new Map<string, Known>();
  const learn = (id: string, ofCall: Pick<Known, "planned" | "begunAt" | "acknowledged" | "bulkRetries">) => {
    const ofJob = changes.get(id) ?? [];
    const deleted = ofJob.findLast(({ change }) => change === "delete");
    known.set(id, {
      id,
      ...ofCall,
      changes: ofJob,
      stored: stored.get(id),
      job: stored.get(id) ?? deleted?.seen,
      requests: received.get(id) ?? [],
    });
  };
  const nobody = { planned: undefined, begunAt: [0, 0], acknowledged: undefined, bulkRetries: 0 } as const;
  for (const id of [...stored.keys(), ...received.keys()]) learn(id, nobody);
  for (const [call, { jobs, at }] of begun) {
    const ofCall = {
      begunAt: at,
      acknowledged: acknowledged.get(call),
      bulkRetries: bulk.get(call)?.begun ?? 0,
    };
    for (const planned of jobs) learn(planned.id, { planned, ...ofCall });
  }
  return {
    jobs: known,
    calls: [...begun].map(([call, { jobs }]) => ({
      call,
      jobs,
      bulk: bulk.get(call) ?? { begun: 0, counts: [] },
    })),
  };
}

function gatherChanges(calls: readonly CallEntry[]): ReadonlyMap<string, readonly Change[]> {
  const changes = new Map<string, Change[]>();
  for (const [begunAt, entry] of calls.entries()) {
    if (entry.kind === "change-begun") {
      const ofJob = changes.get(entry.id) ?? [];
      changes.set(entry.id, [...ofJob, { change: entry.change, seen: entry.seen, begunAt }]);
    } else if (entry.kind === "change-answered") {
      const ofJob = changes.get(entry.id)!;
      ofJob.push({ ...ofJob.pop()!, answered: entry });
    } else if (entry.kind === "change-refused") changes.get(entry.id)!.pop();
  }
  return changes;
}
