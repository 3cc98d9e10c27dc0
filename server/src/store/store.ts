/**
 * The contract of every store. Asynchronous everywhere and free of SQL; sqlite/ (and later postgres/) implement it,
 * test/conformance/ holds each implementation to it. Callers must not lean on anything that is not said here: calls
 * that run at the same time may take effect in any order.
 *
 * A promise that resolves means durable: it survives `kill -9` and power loss. A write that rejects with RelayError
 * UNAVAILABLE may have taken effect all the same, unless its message says that nothing was changed.
 */
import type { Attempt, ClaimedJob, Failure, HttpResponse, JobRecord, NewJob } from "../job/job.ts";
import type { JobFilter } from "../job/filter.ts";
import type { JobState } from "../job/state.ts";

/**
 * The parts of a job that cost a read of their own. The rest of {@link JobRecord} always comes. `body` implies `spec`,
 * whose request otherwise has an empty one; `response-body` implies `response`.
 */
export type JobPart = "spec" | "body" | "attempts" | "response" | "response-body" | "last-error";

export type InsertResult =
  | {
      readonly kind: "stored";
      readonly key: number;
      readonly revision: number;
      readonly state: JobState;
      /** The insert carried the claim: attempt 1 of this worker begins now. */
      readonly claimed: boolean;
    }
  /** The request_id was used for the same before; nothing more is stored. What was stored then, as it was then. */
  | {
      readonly kind: "repeated";
      readonly key: number;
      readonly revision: number;
      readonly id: string;
      readonly uid: string;
      readonly createTime: number;
      readonly state: JobState;
    }
  /** A job with the same dedupKey has not ended; nothing more is stored. As that one is now. */
  | { readonly kind: "duplicate"; readonly id: string; readonly uid: string; readonly state: JobState }
  /** The request_id was used for something else before; nothing was stored. The index is that of its job. */
  | { readonly kind: "request-id-reused"; readonly index: number }
  /** A job with this id is there already; nothing was stored. */
  | { readonly kind: "id-taken"; readonly id: string }
  /** The store holds as many unfinished jobs as it may; nothing was stored. */
  | { readonly kind: "full"; readonly depth: number; readonly limit: number }
  /**
   * Another insert, which is under way, stores a job with this id, the same request_id or the same dedupKey; nothing was
   * stored. What becomes of that one is not known yet: ask again.
   */
  | { readonly kind: "under-way"; readonly id: string };

/** An insert of more jobs, all or none, may claim none of them: no places need be kept free for it. */
export const maxClaimingJobs = 200;

export interface InsertOptions {
  /**
   * How many of the jobs, at the most, the insert may claim for this worker. It claims one only if it is due at once
   * and nothing stored before it waits and is due; decided in the insert's own transaction.
   */
  readonly claimUpTo: number;
  /** True: each job on its own, so that those that are refused keep no others out. Default: all or none. */
  readonly each?: boolean;
}

/** What a worker reports of an attempt. */
export interface FinishedAttempt {
  readonly key: number;
  /** Its endTime becomes the job's updateTime, and its finishTime if it ends. */
  readonly attempt: Attempt;
  /** Kept as the job's response when there is one. Its status is the attempt's. */
  readonly response: HttpResponse | undefined;
  /** The state after it, and when the next attempt is due if that is RETRYING. */
  readonly next:
    | { readonly state: "SUCCEEDED" | "FAILED" | "HELD" }
    | { readonly state: "RETRYING"; readonly nextAttemptTime: number }
    /** The claim is given back: the job is QUEUED and due, at once or then, and the attempt is neither counted nor kept. */
    | { readonly state: "RELEASED"; readonly nextAttemptTime?: number | undefined };
  /** Until when the target asked not to be called: nothing is claimed for this origin before. */
  readonly slowDown?: SlowDown | undefined;
}

export interface SlowDown {
  /** Scheme, host and port, as {@link import("../job/origin.ts").splitUrl} gives it. */
  readonly origin: string;
  readonly until: number;
}

/**
 * `recorded`, or `stale`: the job no longer belonged to this worker in this attempt (cancelled, or recovered by
 * another). A stale result changes nothing.
 */
export type FinishResult = "recorded" | "stale";

export interface ClaimResult {
  readonly jobs: readonly ClaimedJob[];
  /** When the next job that still waits is due; undefined if none waits. Not after now if more are due than were claimed. */
  readonly nextDueTime: number | undefined;
  /** How many more are due than were claimed, if any are; a store may stop counting at some hundreds. */
  readonly dueLeft?: number | undefined;
}

/** The job in it has no parts. A cancelled attempt is among the attempts as soon as its end is known. */
export type CancelResult =
  | {
      readonly kind: "cancelled";
      readonly job: JobRecord;
      /** The worker that was sending it, and the attempt; undefined if it waited. */
      readonly dispatching: { readonly worker: number; readonly attempt: number } | undefined;
    }
  /** Nothing was changed: it has ended already. */
  | { readonly kind: "ended"; readonly job: JobRecord }
  /** Nothing was changed: it has another revision than the caller knows. */
  | { readonly kind: "changed" }
  | { readonly kind: "not-found" };

export type RetryResult =
  | { readonly kind: "restarted" }
  /** Nothing was changed: in this state no new run can begin. */
  | { readonly kind: "not-restartable"; readonly state: JobState }
  /** Nothing was changed: it was cancelled, and the attempt that ran has not ended yet. */
  | { readonly kind: "still-sending" }
  /** Nothing was changed: this job, which has not ended, has the same dedupKey. */
  | { readonly kind: "duplicate"; readonly id: string }
  /** Nothing was changed: a call that is not over stores this job, which has the same dedupKey. */
  | { readonly kind: "under-way"; readonly id: string }
  /** Nothing was changed: the store holds as many unfinished jobs as it may. */
  | { readonly kind: "full"; readonly depth: number; readonly limit: number }
  /** Nothing was changed: it has another revision than the caller knows. */
  | { readonly kind: "changed" }
  | { readonly kind: "not-found" };

export type DeleteResult =
  | { readonly kind: "deleted" }
  /** Nothing was changed: it has not ended, and is in this state. */
  | { readonly kind: "not-ended"; readonly state: JobState }
  /** Nothing was changed: it has another revision than the caller knows. */
  | { readonly kind: "changed" }
  | { readonly kind: "not-found" };

export interface ListQuery {
  /** At most so many jobs. */
  readonly limit: number;
  /** A page also ends once its jobs take about so many bytes, but holds at least one. */
  readonly maxBytes: number;
  /** Only jobs older than the one with this key: the last of the page before. */
  readonly beforeKey: number | undefined;
  readonly parts: ReadonlySet<JobPart>;
  /**
   * Only jobs that match. A store looks at so many jobs for a page and no more: then the page may hold fewer than there
   * is room for, even none, though older jobs match.
   */
  readonly filter: JobFilter | undefined;
}

export interface JobPage {
  /** Newest first. */
  readonly jobs: readonly JobRecord[];
  /** beforeKey of the next page, or undefined on the last one. */
  readonly nextBeforeKey: number | undefined;
}

export interface RecoverOptions {
  readonly now: number;
  /** Names of workers that are known to have ended. */
  readonly lost: readonly string[];
  /** 0: judge no worker by its lease. */
  readonly leasesEndedBy?: number;
}

export interface RecoverResult {
  /** How many jobs of lost workers wait again. */
  readonly requeued: number;
  /** How many FAILED: they had no attempt left, or nobody may send them again. */
  readonly failed: number;
  /** How many are HELD. */
  readonly held: number;
}

export interface SweepOptions {
  readonly now: number;
  /** Jobs that ended before are deleted, but for those that say themselves how long they are kept. */
  readonly endedBefore: number;
  /** Of jobs that have ended, more than so many are deleted, those first that ended first. */
  readonly maxEnded: number;
  /** The responses of jobs that ended before are dropped. */
  readonly respondedBefore: number;
  /** At most so many jobs, and so many responses, in this call. */
  readonly limit: number;
}

export interface SweepResult {
  /** How many were deleted. */
  readonly jobs: number;
  /** There may be more to take away. */
  readonly more: boolean;
}

/** The clocks of a machine, read at one moment. */
export interface MachineTime {
  /** The wall clock: milliseconds since the epoch. It may jump. */
  readonly now: number;
  /** Milliseconds since the machine was started, which only ever grow. */
  readonly uptimeMs: number;
  /** Which start that was. */
  readonly boot: string;
}

/** Of each job so many attempts are kept, the newest. */
export const keptAttempts = 100;

/** What a lost attempt is recorded as. */
export const lostAttempt: Failure = {
  reason: "WORKER_LOST",
  message: "the worker ended while it was sending; the target may or may not have got the request",
};

export interface Store {
  /**
   * Announces a worker, whose claims hold while it renews its lease.
   *
   * @param worker name: of this process alone, never used again
   * @returns its number, never used again
   */
  registerWorker(worker: {
    readonly name: string;
    readonly now: number;
    readonly leaseMs: number;
  }): Promise<number>;

  /** @returns false if the worker was released, or declared lost meanwhile: it must send nothing more. */
  renewLease(worker: number, now: number, leaseMs: number): Promise<boolean>;

  /** Ends a worker's registration. Its jobs, if any are left, can be recovered at once. */
  releaseWorker(worker: number): Promise<void>;

  /**
   * Takes back the jobs of workers whose lease had ended at `leasesEndedBy` (default: now), and of those named in `lost` at once: their attempts are recorded as
   * outcome-unknown, and they wait again at `now`, or FAILED if that was their last attempt. Where the ambiguity policy
   * is not `retry`, it decides; and if the attempt had not begun (`begin`), nothing was sent: the claim is given back.
   */
  recover(options: RecoverOptions): Promise<RecoverResult>;

  /**
   * Stores the jobs, all or none, unless each is to stand on its own. Known calls are told before duplicates, those before a taken id, and that before a full
   * store, so that a caller who repeats an acknowledged call hears that. A worker that is lost or released claims
   * nothing; its jobs are stored without a claim. Nor is a job claimed whose ambiguity policy is not `retry`.
   *
   * @returns one result a job, in their order; or, if all or none was asked for and none was stored, a single one that
   *   says why
   */
  insert(
    worker: number,
    jobs: readonly NewJob[],
    now: number,
    options: InsertOptions,
  ): Promise<readonly InsertResult[]>;

  /**
   * Claims up to `limit` due jobs: higher priority first, then longest due. A worker that is lost or released claims none. Jobs whose expireTime has passed before a
   * first attempt are EXPIRED on the way; those whose target asked to be left alone are due when that is over.
   */
  claim(worker: number, limit: number, now: number): Promise<ClaimResult>;

  /**
   * Notes that a claimed attempt is about to connect, for a job whose ambiguity policy is not `retry`.
   *
   * @returns `stale` if the job does not belong to this worker in this attempt any more: nothing may be sent
   */
  begin(worker: number, key: number, attempt: number): Promise<FinishResult>;

  /**
   * Records how attempts ended. One result an attempt, in their order. Of one that was cancelled the end is recorded,
   * and changes nothing else.
   */
  finish(worker: number, attempts: readonly FinishedAttempt[]): Promise<readonly FinishResult[]>;

  /**
   * Cancels a job that has not ended.
   *
   * @param revision the one that the caller knows; undefined: whatever it is
   */
  cancel(id: string, now: number, revision?: number): Promise<CancelResult>;

  /**
   * Begins a new run of a job that FAILED, EXPIRED, was CANCELLED or is HELD: QUEUED and due, with maxAttempts attempts
   * more. Its attempts are numbered on, and its expireTime is gone.
   *
   * @param revision the one that the caller knows; undefined: whatever it is
   */
  retry(id: string, now: number, revision?: number): Promise<RetryResult>;

  /**
   * Deletes a job that has ended, with all that belongs to it; its id is free again. What a worker still reports of it is stale.
   * A request_id that it came with is known until a day after the job was made.
   *
   * @param revision the one that the caller knows; undefined: whatever it is
   */
  delete(id: string, now: number, revision?: number): Promise<DeleteResult>;

  /**
   * Compares the clocks with what was noted last. If the wall clock has jumped by a quarter of a second or more, what was
   * meant in relation to another moment jumps along, once, whoever tells of it: when RETRYING jobs are due, those that
   * came with a delay, those that were due already, until when targets are left alone, and from when maxAge counts; each
   * worker gets a whole lease. A job that is scheduled for a time keeps that time. After a start of the machine nobody can know.
   *
   * @returns the jump, milliseconds; 0 if there was none
   */
  noteTime(time: MachineTime, leaseMs: number): Promise<number>;

  /**
   * Takes away what is kept no longer; also the request_ids of deleted jobs, a day after these were made. Jumps ahead
   * (`noteTime`) are counted off the times that are asked for, as long as anything is there that ended before them.
   */
  sweep(options: SweepOptions): Promise<SweepResult>;

  /** True while the attempt that ran when this job was cancelled has not ended, as far as is recorded. */
  isSending(key: number): Promise<boolean>;

  /** One job, or undefined. Reads no part that is not asked for. */
  get(id: string, parts: ReadonlySet<JobPart>): Promise<JobRecord | undefined>;

  list(query: ListQuery): Promise<JobPage>;

  /** How many jobs have not ended. */
  depth(): Promise<number>;

  /** Waits for what is under way, then closes. Calls after it reject with UNAVAILABLE. */
  close(): Promise<void>;
}
