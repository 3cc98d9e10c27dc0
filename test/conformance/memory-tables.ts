/**
 * What the memory store keeps: every method is one transaction. Where the contract leaves something open (the order of
 * jobs that are due alike, which jobs of a batch an insert claims, how keys and revisions grow) it is left to chance, so that nobody gets used to it.
 */
import type {
  Attempt,
  ClaimedJob,
  HttpResponse,
  JobRecord,
  JobSpec,
  NewJob,
} from "../../server/src/job/job.ts";
import {
  initialState,
  isTerminal,
  nextState,
  type JobEvent,
  type JobState,
} from "../../server/src/job/state.ts";
import {
  lostAttempt,
  type CancelResult,
  type ClaimResult,
  type DeleteResult,
  type FinishedAttempt,
  type FinishResult,
  type InsertResult,
  type JobPage,
  type JobPart,
  type ListQuery,
  type RecoverResult,
} from "../../server/src/store/store.ts";
import { matches } from "./memory-filter.ts";

interface Row {
  readonly key: number;
  readonly job: NewJob;
  state: JobState;
  updateTime: number;
  /** Undefined unless the job waits. */
  nextAttemptTime: number | undefined;
  finishTime: number | undefined;
  attemptCount: number;
  revision: number;
  readonly attempts: Attempt[];
  response: HttpResponse | undefined;
  /** Of the attempt that runs, or ran last. */
  claim: { readonly worker: number; readonly startTime: number } | undefined;
}

interface Worker {
  readonly name: string;
  leaseEndTime: number;
}

const eventOf = { SUCCEEDED: "succeed", FAILED: "fail", HELD: "hold", RETRYING: "retry-later" } as const;

export class MemoryTables {
  readonly #random: () => number;
  readonly #byId = new Map<string, Row>();
  /** In the order of their keys. */
  readonly #byKey = new Map<number, Row>();
  /** Rows with a nextAttemptTime. */
  readonly #waiting = new Set<Row>();
  readonly #workers = new Map<number, Worker>();
  readonly #workerNames = new Map<number, string>();
  #depth = 0;
  #key = 0;
  #worker = 0;
  #revision = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  registerWorker(name: string, leaseEndTime: number): number {
    this.#worker = this.#after(this.#worker);
    this.#workers.set(this.#worker, { name, leaseEndTime });
    this.#workerNames.set(this.#worker, name);
    return this.#worker;
  }

  renewLease(number: number, leaseEndTime: number): boolean {
    const worker = this.#workers.get(number);
    if (worker === undefined) return false;
    worker.leaseEndTime = leaseEndTime;
    return true;
  }

  releaseWorker(number: number): void {
    this.#workers.delete(number);
  }

  recover(now: number, lost: readonly string[], leasesEndedBy: number): RecoverResult {
    for (const [number, worker] of this.#workers) {
      if (worker.leaseEndTime <= leasesEndedBy || lost.includes(worker.name)) this.#workers.delete(number);
    }
    let requeued = 0;
    let failed = 0;
    for (const row of this.#byKey.values()) {
      if (row.state !== "DISPATCHING" || row.claim === undefined) continue;
      if (this.#workers.has(row.claim.worker)) continue;
      row.attempts.push({
        number: row.attemptCount,
        result: "outcome-unknown",
        startTime: row.claim.startTime,
        endTime: now,
        httpStatus: 0,
        error: lostAttempt,
        worker: this.#workerNames.get(row.claim.worker) ?? "",
      });
      if (row.attemptCount < row.job.maxAttempts) {
        this.#move(row, "retry-later", now, now);
        requeued++;
      } else {
        this.#move(row, "fail", now);
        failed++;
      }
    }
    return { requeued, failed };
  }

  insert(
    worker: number,
    jobs: readonly NewJob[],
    now: number,
    claimUpTo: number,
    maxDepth: number,
  ): readonly InsertResult[] {
    const ids = new Set<string>();
    for (const { id } of jobs) {
      if (ids.has(id) || this.#byId.has(id)) return [{ kind: "id-taken", id }];
      ids.add(id);
    }
    if (this.#depth + jobs.length > maxDepth) return [{ kind: "full", depth: this.#depth, limit: maxDepth }];
    const claimed = new Set(
      this.#workers.has(worker) && ![...this.#waiting].some((row) => isDue(row, now))
        ? jobs
            .filter(
              (job) => dueTime(job, now) <= now && !(job.expireTime !== undefined && job.expireTime <= now),
            )
            .map((job) => ({ job, chance: this.#random() }))
            .toSorted((a, b) => a.chance - b.chance)
            .slice(0, claimUpTo)
            .map(({ job }) => job)
        : [],
    );
    return jobs.map((job) => {
      const row = this.#add(job, now);
      if (claimed.has(job)) this.#begin(row, worker, now);
      const { key, revision, state } = row;
      return { kind: "stored", key, revision, state, claimed: claimed.has(job) };
    });
  }

  claim(worker: number, limit: number, now: number): ClaimResult {
    for (const row of this.#waiting) if (isExpired(row, now)) this.#move(row, "expire", now);
    const due = [...this.#waiting]
      .filter((row) => isDue(row, now))
      .map((row) => ({ row, chance: this.#random() }))
      .toSorted(
        (a, b) =>
          b.row.job.priority - a.row.job.priority ||
          (a.row.nextAttemptTime ?? 0) - (b.row.nextAttemptTime ?? 0) ||
          a.chance - b.chance,
      )
      .slice(0, this.#workers.has(worker) ? limit : 0);
    const jobs = due.map(({ row }): ClaimedJob => {
      this.#begin(row, worker, now);
      const { id, uid, queue, createTime } = row.job;
      return {
        ...specOf(row.job, true),
        key: row.key,
        id,
        uid,
        queue,
        createTime,
        attempt: row.attemptCount,
      };
    });
    const times = [...this.#waiting].map((row) => row.nextAttemptTime ?? 0);
    return { jobs, nextDueTime: times.length === 0 ? undefined : Math.min(...times) };
  }

  finish(worker: number, attempts: readonly FinishedAttempt[]): readonly FinishResult[] {
    return attempts.map(({ key, attempt, response, next }) => {
      const row = this.#byKey.get(key);
      if (row?.state !== "DISPATCHING") return "stale";
      if (row.claim?.worker !== worker || row.attemptCount !== attempt.number) return "stale";
      if (next.state === "RELEASED") {
        row.attemptCount--;
        this.#move(row, "release", attempt.endTime, attempt.endTime);
        return "recorded";
      }
      row.attempts.push(attempt);
      row.response = response ?? row.response;
      const nextAttemptTime = next.state === "RETRYING" ? next.nextAttemptTime : undefined;
      this.#move(row, eventOf[next.state], attempt.endTime, nextAttemptTime);
      return "recorded";
    });
  }

  cancel(id: string, now: number): CancelResult {
    const row = this.#byId.get(id);
    if (row === undefined) return { kind: "not-found" };
    if (isTerminal(row.state)) return { kind: "ended", job: recordOf(row, new Set()) };
    const dispatching =
      row.state === "DISPATCHING" && row.claim !== undefined
        ? { worker: row.claim.worker, attempt: row.attemptCount }
        : undefined;
    this.#move(row, "cancel", now);
    return { kind: "cancelled", job: recordOf(row, new Set()), dispatching };
  }

  delete(id: string, revision: number | undefined): DeleteResult {
    const row = this.#byId.get(id);
    if (row === undefined) return { kind: "not-found" };
    if (revision !== undefined && revision !== row.revision) return { kind: "changed" };
    if (!isTerminal(row.state)) return { kind: "not-ended", state: row.state };
    this.#byId.delete(id);
    this.#byKey.delete(row.key);
    return { kind: "deleted" };
  }

  get(id: string, parts: ReadonlySet<JobPart>): JobRecord | undefined {
    const row = this.#byId.get(id);
    return row === undefined ? undefined : recordOf(row, parts);
  }

  list({ limit, maxBytes, beforeKey, parts, filter }: ListQuery): JobPage {
    const older = [...this.#byKey.values()]
      .filter((row) => beforeKey === undefined || row.key < beforeKey)
      .toReversed();
    // With a filter it looks at some of them, so that nobody takes a short page, or an empty one, for the last.
    const looked = filter === undefined ? older : older.slice(0, 1 + Math.floor(this.#random() * 2 * limit));
    const jobs: JobRecord[] = [];
    let bytes = 0;
    for (const row of looked) {
      if (filter !== undefined && !matches(filter, recordOf(row, new Set(["spec"])))) continue;
      if (jobs.length > 0 && (jobs.length >= limit || bytes >= maxBytes)) {
        return { jobs, nextBeforeKey: jobs.at(-1)?.key };
      }
      const record = recordOf(row, parts);
      jobs.push(record);
      bytes += byteLength(record);
    }
    return { jobs, nextBeforeKey: looked.length < older.length ? looked.at(-1)?.key : undefined };
  }

  depth(): number {
    return this.#depth;
  }

  #add(job: NewJob, now: number): Row {
    this.#key = this.#after(this.#key);
    this.#revision = this.#after(this.#revision);
    const row: Row = {
      key: this.#key,
      job,
      state: initialState(job.scheduleTime, now),
      updateTime: now,
      nextAttemptTime: dueTime(job, now),
      finishTime: undefined,
      attemptCount: 0,
      revision: this.#revision,
      attempts: [],
      response: undefined,
      claim: undefined,
    };
    this.#byId.set(job.id, row);
    this.#byKey.set(row.key, row);
    this.#waiting.add(row);
    this.#depth++;
    return row;
  }

  #begin(row: Row, worker: number, now: number): void {
    this.#move(row, "claim", now);
    row.attemptCount++;
    row.claim = { worker, startTime: now };
  }

  #move(row: Row, event: JobEvent, now: number, nextAttemptTime?: number): void {
    const state = nextState(row.state, event);
    if (state === undefined) throw new Error(`no way from ${row.state} by ${event}`);
    this.#revision = this.#after(this.#revision);
    row.state = state;
    row.revision = this.#revision;
    row.updateTime = now;
    row.nextAttemptTime = nextAttemptTime;
    if (nextAttemptTime === undefined) this.#waiting.delete(row);
    else this.#waiting.add(row);
    if (isTerminal(state)) {
      row.finishTime = now;
      this.#depth--;
    }
  }

  /** Numbers grow, but not one by one. */
  #after(number: number): number {
    return number + 1 + Math.floor(this.#random() * 3);
  }
}

/** A job cannot be due before it is there. */
function dueTime(job: NewJob, now: number): number {
  return Math.max(job.scheduleTime ?? now, now);
}

function isDue(row: Row, now: number): boolean {
  return row.nextAttemptTime !== undefined && row.nextAttemptTime <= now;
}

function isExpired(row: Row, now: number): boolean {
  return row.attemptCount === 0 && row.job.expireTime !== undefined && row.job.expireTime <= now;
}

function specOf(job: NewJob, withBody: boolean): JobSpec {
  const { request, maxAttempts, retryPolicy, attemptTimeoutMs, labels, trace } = job;
  const body = withBody ? request.body : new Uint8Array();
  return { request: { ...request, body }, maxAttempts, retryPolicy, attemptTimeoutMs, labels, trace };
}

function recordOf(row: Row, parts: ReadonlySet<JobPart>): JobRecord {
  const { id, uid, queue, priority, createTime, scheduleTime, expireTime } = row.job;
  const { key, state, updateTime, nextAttemptTime, finishTime, attemptCount, revision, response } = row;
  return {
    key,
    id,
    uid,
    queue,
    state,
    priority,
    createTime,
    updateTime,
    scheduleTime,
    expireTime,
    nextAttemptTime,
    finishTime,
    attemptCount,
    revision,
    spec: parts.has("spec") ? specOf(row.job, parts.has("body")) : undefined,
    attempts: parts.has("attempts") ? [...row.attempts] : undefined,
    response:
      parts.has("response") && response !== undefined
        ? { ...response, body: parts.has("response-body") ? response.body : new Uint8Array() }
        : undefined,
    lastError: parts.has("last-error") ? row.attempts.at(-1)?.error : undefined,
  };
}

/** About what the job takes on the wire. */
function byteLength(record: JobRecord): number {
  const bodies = (record.spec?.request.body.length ?? 0) + (record.response?.body.length ?? 0);
  const { spec, attempts, response } = record;
  const headers = [...(spec?.request.headers ?? []), ...(response?.headers ?? [])];
  const maps = [...(spec?.request.parameters ?? []), ...(spec?.labels ?? [])];
  return 100 + bodies + JSON.stringify([headers, maps, attempts, spec?.request.url]).length;
}
