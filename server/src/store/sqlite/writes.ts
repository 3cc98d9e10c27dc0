/** Every change of the store, each a function that runs inside the transaction of its group. */
import type { DatabaseSync } from "node:sqlite";
import { initialState, isTerminal, nextState } from "../../job/state.ts";
import type { JobState } from "../../job/state.ts";
import type {
  CancelResult,
  DeleteResult,
  FinishResult,
  InsertResult,
  RecoverOptions,
  RecoverResult,
} from "../store.ts";
import { keptAttempts, lostAttempt } from "../store.ts";
import { stateNumber, toRecord } from "./rows.ts";
import type { ClaimedRow, FinishedRow, NewJobRow } from "./rows.ts";
import { Waiting } from "./waiting.ts";
import type { WriteOperation, WriteResults } from "./write-operations.ts";
import { prepareWrites } from "./write-statements.ts";

const QUEUED = stateNumber("QUEUED");
const RETRYING = stateNumber("RETRYING");
const DISPATCHING = stateNumber("DISPATCHING");
const FAILED = stateNumber("FAILED");
const CANCELLED = stateNumber("CANCELLED");
const EXPIRED = stateNumber("EXPIRED");

/** More jobs are not expired in one claim, so that no transaction grows without bound; the next one goes on. */
const maxExpired = 1000;

const noJobs: ReadonlySet<NewJobRow> = new Set();

/** Of the jobs that are due at once, the first ones of the highest priorities. */
function chooseClaims(jobs: readonly NewJobRow[], now: number, limit: number): ReadonlySet<NewJobRow> {
  const due = jobs.filter(
    ({ scheduleTime, expireTime }) =>
      initialState(scheduleTime ?? undefined, now) === "QUEUED" && (expireTime === null || expireTime > now),
  );
  if (due.length > limit) due.sort((one, other) => other.priority - one.priority);
  return new Set(due.slice(0, limit));
}

/** A row of the statement `due`. */
type DueRow = ClaimedRow & { readonly expireTime: number | null };

/** The changes of one connection, with its statements prepared once. */
export class Writes {
  readonly #sql: ReturnType<typeof prepareWrites>;
  /** As in the table `counter` at the start of the transaction, and grown since. */
  #revision = 0;
  #depth = 0;
  readonly #waiting: Waiting;
  /** Which workers are registered, as far as this transaction asked. */
  readonly #registered = new Map<number, boolean>();

  constructor(database: DatabaseSync) {
    this.#sql = prepareWrites(database);
    this.#waiting = new Waiting(this.#sql);
  }

  /** Reads the counters: the first thing in a transaction. */
  begin(): void {
    const row = this.#sql.readCounter.get()!;
    this.#revision = row["revision"] as number;
    this.#depth = row["depth"] as number;
    this.#waiting.forget();
    this.#registered.clear();
  }

  /** Writes the counters: the last thing in a transaction. */
  end(): void {
    this.#sql.writeCounter.run(this.#revision, this.#depth);
  }

  run(operation: WriteOperation): WriteResults[WriteOperation["kind"]] {
    switch (operation.kind) {
      case "insert":
        return this.#insert(operation);
      case "finish":
        return operation.attempts.map((attempt) => this.#finish(operation.worker, attempt));
      case "claim":
        return this.#claim(operation.worker, operation.limit, operation.now);
      case "cancel":
        return this.#cancel(operation.id, operation.now);
      case "delete":
        return this.#delete(operation.id, operation.revision);
      case "register":
        return Number(this.#sql.register.run(operation.name, operation.leaseTime).lastInsertRowid);
      case "renew":
        return this.#renew(operation);
      case "release":
        this.#sql.release.run(operation.worker);
        this.#registered.clear();
        return undefined;
      case "recover":
        return this.#recover(operation);
      default:
        return operation satisfies never;
    }
  }

  #insert(operation: Extract<WriteOperation, { kind: "insert" }>): InsertResult[] {
    const { jobs, now, worker, maxDepth } = operation;
    const seen = new Set<string>();
    for (const job of jobs) {
      if (seen.has(job.id) || this.#sql.hasId.get(job.id) !== undefined) {
        return [{ kind: "id-taken", id: job.id }];
      }
      if (jobs.length > 1) seen.add(job.id);
    }
    if (this.#depth + jobs.length > maxDepth) {
      return [{ kind: "full", depth: this.#depth, limit: maxDepth }];
    }
    const mayClaim = operation.claimUpTo > 0 && this.#waiting.dueTime > now && this.#isRegistered(worker);
    const claims = mayClaim ? chooseClaims(jobs, now, operation.claimUpTo) : noJobs;
    return jobs.map((job) => {
      const key = ++this.#revision;
      this.#depth++;
      const waits = initialState(job.scheduleTime ?? undefined, now);
      const claimed = claims.has(job);
      const state: JobState = claimed ? "DISPATCHING" : waits;
      const dueTime = waits === "SCHEDULED" ? (job.scheduleTime ?? now) : now;
      if (!claimed) this.#waiting.add(dueTime);
      this.#sql.insertJob.run(
        key,
        job.id,
        job.uid,
        job.queue,
        stateNumber(state),
        job.priority,
        dueTime,
        job.expireTime,
        job.scheduleTime,
        claimed ? 1 : 0,
        job.maxAttempts,
        claimed ? worker : 0,
        job.createTime,
        now,
        key,
      );
      this.#sql.insertSpec.run(
        key,
        job.method,
        job.url,
        job.headers,
        job.parameters,
        job.retry,
        job.attemptTimeout,
        job.labels,
        job.traceparent,
        job.tracestate,
        job.body,
      );
      return { kind: "stored", key, revision: key, state, claimed };
    });
  }

  #claim(worker: number, limit: number, now: number): WriteResults["claim"] {
    const rows: ClaimedRow[] = [];
    let expired = 0;
    for (const priority of this.#isRegistered(worker) ? this.#waiting.priorities() : []) {
      // Expired jobs make room for others, so ask again until the level is empty or enough are claimed.
      while (rows.length < limit && expired < maxExpired) {
        const due = this.#sql.due.all(priority, now, limit - rows.length) as unknown as DueRow[];
        if (due.length === 0) break;
        for (const row of due) {
          const { key, expireTime } = row;
          if (expireTime !== null && expireTime <= now && row.attemptCount === 0) {
            this.#depth--;
            expired++;
            this.#sql.end.run(EXPIRED, now, now, ++this.#revision, key);
          } else {
            this.#sql.claim.run(worker, DISPATCHING, now, ++this.#revision, key);
            rows.push(row);
          }
        }
      }
    }
    this.#waiting.forget();
    const { dueTime } = this.#waiting;
    return { rows, nextDueTime: Number.isFinite(dueTime) ? dueTime : null };
  }

  /** What a lost worker claimed, nobody would ever take back. */
  #isRegistered(worker: number): boolean {
    let found = this.#registered.get(worker);
    if (found === undefined) {
      found = this.#sql.isRegistered.get(worker) !== undefined;
      this.#registered.set(worker, found);
    }
    return found;
  }

  #finish(worker: number, finished: FinishedRow): FinishResult {
    const { key, attempt, next, nextAttemptTime, endTime } = finished;
    if (next === "RELEASED") return this.#giveBack(worker, key, attempt, endTime);
    const ended = next === "SUCCEEDED" || next === "FAILED";
    const { changes } = this.#sql.finish.run(
      stateNumber(next),
      next === "HELD" ? -1 : next === "RETRYING" ? 0 : worker,
      nextAttemptTime ?? endTime,
      ended ? endTime : null,
      endTime,
      this.#revision + 1,
      key,
      worker,
      attempt,
      DISPATCHING,
    );
    if (changes === 0) return "stale";
    if (next === "RETRYING") this.#waiting.forget();
    this.#revision++;
    if (ended) this.#depth--;
    // Only the newest response is kept.
    if (finished.responseHeaders !== null && attempt > 1) this.#sql.dropResponses.run(key);
    this.#dropOldAttempts(key, attempt);
    this.#sql.insertAttempt.run(
      key,
      attempt,
      finished.result,
      finished.startTime,
      endTime,
      finished.httpStatus,
      finished.worker,
      finished.errorReason,
      finished.errorMessage,
      finished.responseTruncated,
      finished.responseHeaders,
      finished.responseBody,
    );
    return "recorded";
  }

  #giveBack(worker: number, key: number, attempt: number, now: number): FinishResult {
    const { changes } = this.#sql.giveBack.run(
      QUEUED,
      now,
      now,
      this.#revision + 1,
      key,
      worker,
      attempt,
      DISPATCHING,
    );
    if (changes === 0) return "stale";
    this.#revision++;
    this.#waiting.forget();
    return "recorded";
  }

  #dropOldAttempts(key: number, newest: number): void {
    if (newest > keptAttempts) this.#sql.dropAttempts.run(key, newest - keptAttempts);
  }

  #cancel(id: string, now: number): CancelResult {
    const row = this.#sql.readJob.get(id);
    if (row === undefined) return { kind: "not-found" };
    const before = toRecord(row);
    if (nextState(before.state, "cancel") === undefined) return { kind: "ended", job: before };
    this.#depth--;
    this.#waiting.forget();
    this.#sql.end.run(CANCELLED, now, now, ++this.#revision, before.key);
    return {
      kind: "cancelled",
      job: toRecord(this.#sql.readJob.get(id)!),
      dispatching:
        before.state === "DISPATCHING"
          ? { worker: row["worker"] as number, attempt: before.attemptCount }
          : undefined,
    };
  }

  #delete(id: string, revision: number | undefined): DeleteResult {
    const row = this.#sql.readJob.get(id);
    if (row === undefined) return { kind: "not-found" };
    const job = toRecord(row);
    if (revision !== undefined && revision !== job.revision) return { kind: "changed" };
    if (!isTerminal(job.state)) return { kind: "not-ended", state: job.state };
    for (const statement of [this.#sql.deleteJob, this.#sql.deleteSpec, this.#sql.deleteAttempts]) {
      statement.run(job.key);
    }
    return { kind: "deleted" };
  }

  /** The lease counts from now: what the call waited for the lock is not taken from it. */
  #renew({ worker, leaseTime, askedTime }: Extract<WriteOperation, { kind: "renew" }>): boolean {
    return this.#sql.renew.run(leaseTime + Math.max(0, Date.now() - askedTime), worker).changes === 1;
  }

  #recover({ now, lost, leasesEndedBy }: Required<RecoverOptions>): RecoverResult {
    let requeued = 0;
    let failed = 0;
    for (const { number, name, lease_time: lease } of this.#sql.workers.all()) {
      if ((lease as number) > leasesEndedBy && !lost.includes(name as string)) continue;
      for (const job of this.#sql.jobsOfWorker.all(number as number)) {
        const key = job["key"] as number;
        const attempt = job["attempt_count"] as number;
        this.#dropOldAttempts(key, attempt);
        this.#sql.insertAttempt.run(
          key,
          attempt,
          "outcome-unknown",
          // When it was claimed: the last thing that is known.
          job["update_time"] as number,
          now,
          0,
          name as string,
          lostAttempt.reason,
          lostAttempt.message,
          null,
          null,
          null,
        );
        if (attempt >= (job["max_attempts"] as number)) {
          this.#depth--;
          failed++;
          this.#sql.end.run(FAILED, now, now, ++this.#revision, key);
        } else {
          requeued++;
          this.#waiting.forget();
          this.#sql.requeue.run(RETRYING, now, now, ++this.#revision, key);
        }
      }
      this.#sql.forget.run(number as number);
      this.#registered.clear();
    }
    return { requeued, failed };
  }
}
