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
  type MachineTime,
  type RecoverResult,
  type RetryResult,
  type SweepOptions,
  type SweepResult,
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
  claim: { readonly worker: number; readonly startTime: number; readonly dueTime: number } | undefined;
  /** The last attempt that was about to connect. */
  begunAttempt: number;
  /** True while nobody knows the end of the attempt that ran when the job was cancelled. */
  isSending: boolean;
  /** That no job may be claimed after; undefined once a new run began. */
  expireTime: number | undefined;
  scheduleTime: number | undefined;
  readonly isRelative: boolean;
  runCount: number;
  runTime: number;
  attemptsBefore: number;
}

/** A call with a request_id, and what it was answered. */
interface Request {
  readonly contentHash: string;
  readonly answer: Extract<InsertResult, { kind: "repeated" }>;
  forgetTime: number | undefined;
}

type DuplicateResult = Extract<InsertResult, { kind: "duplicate" }>;

const requestMemoryMs = 24 * 3_600_000;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

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
  /** By request_id. */
  readonly #requests = new Map<string, Request>();
  #noted: (MachineTime & { readonly revision: number }) | undefined;
  /** Jumps ahead that something lived through which is kept, and when the last one was. */
  #ahead = { byMs: 0, since: 0 };
  /** Until when which origin is not to be called. */
  readonly #blocked = new Map<string, number>();
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
    const counts = { requeued: 0, failed: 0, held: 0 };
    for (const row of this.#byKey.values()) {
      if (row.claim === undefined || this.#workers.has(row.claim.worker)) continue;
      if (row.isSending) {
        row.isSending = false;
        this.#addLost(row, row.claim, now);
        this.#touch(row, now);
      } else if (row.state === "DISPATCHING") counts[this.#recoverRow(row, row.claim, now)]++;
    }
    return counts;
  }

  #recoverRow(row: Row, claim: NonNullable<Row["claim"]>, now: number): keyof RecoverResult {
    const { ambiguityPolicy, maxAttempts } = row.job;
    if (ambiguityPolicy !== "retry" && row.begunAttempt !== row.attemptCount) {
      row.attemptCount--;
      this.#move(row, "release", now, now);
      return "requeued";
    }
    this.#addLost(row, claim, now);
    if (ambiguityPolicy === "hold") {
      this.#move(row, "hold", now);
      return "held";
    }
    const { maxAgeMs = Number.POSITIVE_INFINITY } = row.job.retryPolicy;
    const isTooOld = now > row.runTime + maxAgeMs;
    if (ambiguityPolicy === "fail" || isTooOld || row.attemptCount - row.attemptsBefore >= maxAttempts) {
      this.#move(row, "fail", now);
      return "failed";
    }
    this.#move(row, "retry-later", now, now);
    return "requeued";
  }

  #addLost(row: Row, claim: NonNullable<Row["claim"]>, now: number): void {
    row.attempts.push({
      number: row.attemptCount,
      result: "outcome-unknown",
      claimTime: claim.startTime,
      dueTime: row.state === "CANCELLED" ? undefined : claim.dueTime,
      startTime: claim.startTime,
      endTime: now,
      httpStatus: 0,
      error: lostAttempt,
      worker: this.#workerNames.get(claim.worker) ?? "",
      passage: {},
    });
  }

  insert(
    worker: number,
    jobs: readonly NewJob[],
    now: number,
    claimUpTo: number,
    maxDepth: number,
  ): readonly InsertResult[] {
    const known = jobs.map((job, index) => this.#findRepeated(job, index) ?? this.#findDuplicate(job));
    const reused = known.find((result) => result?.kind === "request-id-reused");
    if (reused !== undefined) return [reused];
    const fresh = jobs.filter((_, index) => known[index] === undefined);
    const ids = new Set<string>();
    for (const { id } of fresh) {
      if (ids.has(id) || this.#byId.has(id)) return [{ kind: "id-taken", id }];
      ids.add(id);
    }
    if (fresh.length > 0 && this.#depth + fresh.length > maxDepth)
      return [{ kind: "full", depth: this.#depth, limit: maxDepth }];
    const claimed = new Set(
      this.#workers.has(worker) && ![...this.#waiting].some((row) => isDue(row, now))
        ? fresh
            .filter(
              (job) =>
                job.ambiguityPolicy === "retry" &&
                dueTime(job, now) <= now &&
                !(job.expireTime !== undefined && job.expireTime <= now) &&
                this.#blockedUntil(job) <= now,
            )
            .map((job) => ({ job, chance: this.#random() }))
            .toSorted((a, b) => a.chance - b.chance)
            .slice(0, claimUpTo)
            .map(({ job }) => job)
        : [],
    );
    return jobs.map((job, index) => {
      const earlier = known[index] ?? this.#findDuplicate(job);
      if (earlier !== undefined) return earlier;
      const row = this.#add(job, now);
      if (claimed.has(job)) this.#begin(row, worker, now);
      const { key, revision, state } = row;
      this.#remember(job, row);
      return { kind: "stored", key, revision, state, claimed: claimed.has(job) };
    });
  }

  insertEach(
    worker: number,
    jobs: readonly NewJob[],
    now: number,
    claimUpTo: number,
    maxDepth: number,
  ): readonly InsertResult[] {
    let claims = claimUpTo;
    return jobs.map((job, index) => {
      const [result] = this.insert(worker, [job], now, claims, maxDepth) as [InsertResult];
      if (result.kind === "stored" && result.claimed) claims--;
      return result.kind === "request-id-reused" ? { ...result, index } : result;
    });
  }

  #findRepeated({ requestIdentity }: NewJob, index: number): InsertResult | undefined {
    if (requestIdentity === undefined) return undefined;
    const request = this.#requests.get(hex(requestIdentity.id));
    if (request === undefined) return undefined;
    const isSame = request.contentHash === hex(requestIdentity.contentHash);
    return isSame ? request.answer : { kind: "request-id-reused", index };
  }

  #findDuplicate({ queue, dedupKey }: Pick<NewJob, "queue" | "dedupKey">): DuplicateResult | undefined {
    if (dedupKey === undefined) return undefined;
    for (const { job, state } of this.#byId.values()) {
      if (job.queue !== queue || job.dedupKey !== dedupKey || isTerminal(state)) continue;
      return { kind: "duplicate", id: job.id, uid: job.uid, state };
    }
    return undefined;
  }

  #remember(job: NewJob, { key, revision, state }: Row): void {
    const { requestIdentity, id, uid, createTime } = job;
    if (requestIdentity === undefined) return;
    this.#requests.set(hex(requestIdentity.id), {
      contentHash: hex(requestIdentity.contentHash),
      answer: { kind: "repeated", key, revision, id, uid, createTime, state },
      forgetTime: undefined,
    });
  }

  claim(worker: number, limit: number, now: number): ClaimResult {
    for (const row of this.#waiting) {
      if (isExpired(row, now)) this.#move(row, "expire", now);
      else if (isDue(row, now) && this.#blockedUntil(row.job) > now) {
        const blockedUntil = this.#blockedUntil(row.job);
        const { expireTime = blockedUntil } = row.attemptCount === 0 ? row : {};
        row.nextAttemptTime = Math.min(blockedUntil, expireTime);
        if (row.state === "SCHEDULED") row.state = "QUEUED";
        this.#touch(row, now);
      }
    }
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
        attemptsBefore: row.attemptsBefore,
        runTime: row.runTime,
        dueTime: row.claim?.dueTime ?? 0,
        claimTime: now,
        claimUptimeMs: performance.now(),
        expireTime: row.job.expireTime,
      };
    });
    const times = [...this.#waiting].map((row) => row.nextAttemptTime ?? 0);
    const dueLeft = times.filter((time) => time <= now).length;
    return {
      jobs,
      nextDueTime: times.length === 0 ? undefined : Math.min(...times),
      dueLeft: dueLeft === 0 ? undefined : dueLeft,
    };
  }

  finish(worker: number, attempts: readonly FinishedAttempt[]): readonly FinishResult[] {
    return attempts.map(({ key, attempt, response, next, slowDown }) => {
      const row = this.#byKey.get(key);
      if (row === undefined) return "stale";
      if (row.claim?.worker !== worker || row.attemptCount !== attempt.number) return "stale";
      if (row.isSending) {
        row.isSending = false;
        row.attempts.push(attempt);
        row.response = response ?? row.response;
        this.#touch(row, attempt.endTime);
        return "recorded";
      }
      if (row.state !== "DISPATCHING") return "stale";
      if (next.state === "RELEASED") {
        row.attemptCount--;
        row.begunAttempt = 0;
        this.#move(row, "release", attempt.endTime, next.nextAttemptTime ?? attempt.endTime);
        return "recorded";
      }
      if (slowDown !== undefined) {
        const { origin, until } = slowDown;
        this.#blocked.set(origin, Math.max(until, this.#blocked.get(origin) ?? 0));
      }
      row.attempts.push(attempt);
      row.response = response ?? row.response;
      const nextAttemptTime = next.state === "RETRYING" ? next.nextAttemptTime : undefined;
      this.#move(row, eventOf[next.state], attempt.endTime, nextAttemptTime);
      return "recorded";
    });
  }

  begin(worker: number, key: number, attempt: number): FinishResult {
    const row = this.#byKey.get(key);
    if (row?.state !== "DISPATCHING" || row.claim?.worker !== worker || row.attemptCount !== attempt)
      return "stale";
    row.begunAttempt = attempt;
    return "recorded";
  }

  cancel(id: string, now: number, revision: number | undefined): CancelResult {
    const row = this.#byId.get(id);
    if (row === undefined) return { kind: "not-found" };
    if (revision !== undefined && revision !== row.revision) return { kind: "changed" };
    if (isTerminal(row.state)) return { kind: "ended", job: recordOf(row, new Set()) };
    const dispatching =
      row.state === "DISPATCHING" && row.claim !== undefined
        ? { worker: row.claim.worker, attempt: row.attemptCount }
        : undefined;
    this.#move(row, "cancel", now);
    row.isSending = dispatching !== undefined;
    return { kind: "cancelled", job: recordOf(row, new Set()), dispatching };
  }

  retry(id: string, now: number, revision: number | undefined, maxDepth: number): RetryResult {
    const row = this.#byId.get(id);
    if (row === undefined) return { kind: "not-found" };
    if (revision !== undefined && revision !== row.revision) return { kind: "changed" };
    if (nextState(row.state, "retry-now") === undefined) return { kind: "not-restartable", state: row.state };
    if (row.isSending) return { kind: "still-sending" };
    if (isTerminal(row.state)) {
      const duplicate = this.#findDuplicate(row.job);
      if (duplicate !== undefined) return { kind: "duplicate", id: duplicate.id };
      if (this.#depth + 1 > maxDepth) return { kind: "full", depth: this.#depth, limit: maxDepth };
      this.#depth++;
    }
    row.finishTime = undefined;
    row.expireTime = undefined;
    row.runTime = now;
    row.runCount++;
    row.attemptsBefore = row.attemptCount;
    this.#move(row, "retry-now", now, now);
    return { kind: "restarted" };
  }

  noteTime(time: MachineTime, leaseMs: number): number {
    const noted = this.#noted;
    this.#noted = { ...time, revision: this.#revision };
    if (noted?.boot !== time.boot) return 0;
    const elapsed = time.uptimeMs - noted.uptimeMs;
    const jump = time.now - noted.now - elapsed;
    if (Math.abs(jump) < 250) return 0;
    const isNewBy = (row: Row, at: number): boolean =>
      row.revision > noted.revision && at >= time.now - elapsed - 50 && at <= time.now + 50;
    this.#keepEnded(jump, time.now);
    for (const row of this.#byKey.values()) {
      if (row.finishTime === undefined && !isNewBy(row, row.runTime)) row.runTime += jump;
    }
    for (const row of this.#waiting) {
      const { nextAttemptTime = 0, updateTime } = row;
      const isNew = isNewBy(row, updateTime);
      const wasDue = nextAttemptTime <= time.now - jump;
      const isForTime = row.state === "SCHEDULED" && !row.isRelative;
      if (isNew || (wasDue ? jump > 0 : isForTime)) continue;
      row.nextAttemptTime = nextAttemptTime + jump;
      if (row.state === "SCHEDULED" && row.isRelative && row.scheduleTime !== undefined)
        row.scheduleTime += jump;
    }
    for (const [origin, until] of this.#blocked) this.#blocked.set(origin, until + jump);
    for (const worker of this.#workers.values()) worker.leaseEndTime = time.now + leaseMs;
    return jump;
  }

  #keepEnded(jump: number, now: number): void {
    const { byMs, since } = this.#ahead;
    this.#ahead = { byMs: Math.max(0, byMs + jump), since: jump > 0 ? now : Math.min(since, now) };
    if (jump > 0) return;
    for (const row of this.#byKey.values()) {
      if (row.finishTime !== undefined) row.finishTime = Math.min(row.finishTime, now);
    }
    for (const request of this.#requests.values()) {
      if (request.forgetTime !== undefined)
        request.forgetTime = Math.min(request.forgetTime, now + requestMemoryMs);
    }
  }

  sweep(options: SweepOptions): SweepResult {
    const { maxEnded, limit } = options;
    const { byMs, since } = this.#ahead;
    const hasEarlier = [...this.#byKey.values()].some(({ finishTime = since }) => finishTime < since);
    const [now, endedBefore, respondedBefore] = [
      options.now,
      options.endedBefore,
      options.respondedBefore,
    ].map((time) => time - (hasEarlier ? byMs : 0)) as [number, number, number];
    const knownSince = options.now - (options.now <= since + requestMemoryMs ? byMs : 0);
    if (knownSince === options.now && !hasEarlier) this.#ahead.byMs = 0;
    const ended = [...this.#byKey.values()]
      .filter((row) => row.finishTime !== undefined)
      .toSorted((a, b) => (a.finishTime ?? 0) - (b.finishTime ?? 0));
    const isTooOld = ({ finishTime = 0, job: { retentionMs } }: Row): boolean =>
      retentionMs === undefined ? finishTime < endedBefore : finishTime + retentionMs < now;
    const tooOld = ended.filter((row) => isTooOld(row)).slice(0, limit);
    const left = ended.filter((row) => !tooOld.includes(row));
    const tooMany = Math.min(limit - tooOld.length, Math.max(0, left.length - maxEnded));
    const gone = [...tooOld, ...left.slice(0, tooMany)];
    for (const row of gone) this.#remove(row, options.now);
    const answered = ended.filter(
      (row) => !gone.includes(row) && row.response !== undefined && (row.finishTime ?? 0) < respondedBefore,
    );
    for (const row of answered.slice(0, limit)) row.response = undefined;
    for (const [id, { forgetTime }] of this.#requests) {
      if (forgetTime !== undefined && forgetTime < knownSince) this.#requests.delete(id);
    }
    return { jobs: gone.length, more: gone.length === limit || answered.length >= limit };
  }

  isSending(key: number): boolean {
    return this.#byKey.get(key)?.isSending ?? false;
  }

  delete(id: string, now: number, revision: number | undefined): DeleteResult {
    const row = this.#byId.get(id);
    if (row === undefined) return { kind: "not-found" };
    if (revision !== undefined && revision !== row.revision) return { kind: "changed" };
    if (!isTerminal(row.state)) return { kind: "not-ended", state: row.state };
    this.#remove(row, now);
    return { kind: "deleted" };
  }

  #remove(row: Row, now: number): void {
    this.#byId.delete(row.job.id);
    this.#byKey.delete(row.key);
    const { requestIdentity, createTime } = row.job;
    const request = requestIdentity === undefined ? undefined : this.#requests.get(hex(requestIdentity.id));
    if (request !== undefined)
      request.forgetTime = Math.max(now, Math.min(now, createTime) + requestMemoryMs);
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
      begunAttempt: 0,
      isSending: false,
      expireTime: job.expireTime,
      scheduleTime: job.scheduleTime,
      isRelative: job.isRelative === true,
      runCount: 1,
      runTime: job.createTime,
      attemptsBefore: 0,
    };
    this.#byId.set(job.id, row);
    this.#byKey.set(row.key, row);
    this.#waiting.add(row);
    this.#depth++;
    return row;
  }

  #begin(row: Row, worker: number, now: number): void {
    const dueTime = row.nextAttemptTime ?? now;
    this.#move(row, "claim", now);
    row.attemptCount++;
    row.claim = { worker, startTime: now, dueTime };
  }

  #blockedUntil({ request }: NewJob): number {
    return this.#blocked.get(new URL(request.url).origin) ?? 0;
  }

  #touch(row: Row, now: number): void {
    this.#revision = this.#after(this.#revision);
    row.revision = this.#revision;
    row.updateTime = now;
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
  return row.attemptCount === 0 && row.expireTime !== undefined && row.expireTime <= now;
}

function specOf(job: NewJob, withBody: boolean): JobSpec {
  const { request, maxAttempts, retryPolicy, ambiguityPolicy, attemptTimeoutMs, labels, trace } = job;
  const body = withBody ? request.body : new Uint8Array();
  return {
    ...{ maxAttempts, retryPolicy, ambiguityPolicy, attemptTimeoutMs, labels, trace },
    request: { ...request, body },
  };
}

function recordOf(row: Row, parts: ReadonlySet<JobPart>): JobRecord {
  const { id, uid, queue, priority, createTime, dedupKey } = row.job;
  const { key, state, updateTime, nextAttemptTime, finishTime, attemptCount, revision, response } = row;
  const { expireTime, scheduleTime, runCount } = row;
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
    runCount,
    dedupKey,
    retentionMs: row.job.retentionMs,
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
