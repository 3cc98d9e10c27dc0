/**
 * Random commands, given to a store and to a plain model of it: after each one the answers must agree, at the end all
 * that the store holds.
 */
/* oxlint-disable vitest/no-standalone-expect, vitest/expect-expect -- the model asserts, inside of a test */
import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { isTerminal, nextState, type JobEvent, type JobState } from "../../../server/src/job/state.ts";
import type { AmbiguityPolicy } from "../../../server/src/job/job.ts";
import { type Command, command, type CommandOf } from "./model-commands.ts";
import type { FinishedAttempt, InsertResult, RecoverResult, Store } from "../../../server/src/store/store.ts";
import {
  endedAs,
  get,
  idsOf,
  leaseMs as evenLeaseMs,
  newJob,
  noParts,
  propertyRuns,
  retriedAt,
  setUp,
  start,
  succeeded,
  type OpenStore,
} from "./setting.ts";

const maxDepth = 12;
/** Odd, like all times at which something ends by itself: the clock is even. */
const leaseMs = evenLeaseMs + 1;

/** The most telling of all properties: CI tries it a thousand times. */
const runs = Number(process.env["RELAY_MODEL_RUNS"] ?? propertyRuns);

interface ModelJob {
  readonly id: string;
  readonly key: number;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly ambiguityPolicy: AmbiguityPolicy;
  readonly dedupKey: string | undefined;
  readonly isRelative: boolean;
  expireTime: number | undefined;
  state: JobState;
  /** Undefined unless it waits. */
  dueTime: number | undefined;
  attemptCount: number;
  endedAttempts: number;
  worker: number | undefined;
  /** The last attempt that was about to connect. */
  begunAttempt: number;
  attemptsBefore: number;
  runCount: number;
  readonly origin: string;
  readonly maxAgeMs: number | undefined;
  /** By the clock that does not jump: when the run began, and when the job ended. */
  runUptimeMs: number;
  endUptimeMs: number | undefined;
  /** The attempt that ran when it was cancelled has not ended. */
  isSending: boolean;
}

interface ModelWorker {
  readonly number: number;
  leaseEndTime: number;
}

class Model {
  readonly #store: Store;
  readonly #jobs = new Map<string, ModelJob>();
  readonly #workers: ModelWorker[] = [];
  /** Until when which origin is to be left alone. */
  readonly #blocked = new Map<string, number>();
  #hasJumped = false;
  #now = start;
  #uptimeMs = 1_000_000;

  constructor(store: Store) {
    this.#store = store;
  }

  async run(command: Command): Promise<void> {
    switch (command.kind) {
      case "insert":
        return this.#insert(command);
      case "claim":
        return this.#claim(command);
      case "finish":
        return this.#finish(command);
      case "begin":
        return this.#beginSending(command);
      case "cancel":
        return this.#cancel(command);
      case "retry":
        return this.#retry(command);
      case "delete":
        return this.#delete(command);
      case "recover":
        return this.#recover(command);
      case "renew":
        return this.#renew(command);
      case "sweep":
        return this.#sweep(command);
      case "wait":
        this.#now += command.by;
        this.#uptimeMs += command.by;
        return undefined;
      case "jump":
        return this.#jump(command);
      default:
        return command satisfies never;
    }
  }

  /** Compares everything. */
  async check(): Promise<void> {
    for (const job of this.#jobs.values()) {
      await this.#look(job);
      const record = await get(this.#store, job.id);
      expect(record.attempts?.length).toBe(job.endedAttempts);
      expect(record.nextAttemptTime).toBe(job.dueTime);
      expect(record.finishTime !== undefined).toBe(isTerminal(job.state));
      expect(record.runCount).toBe(job.runCount);
      expect(await this.#store.isSending(job.key)).toBe(job.isSending);
    }
    const { jobs } = await this.#store.list({
      limit: 1000,
      maxBytes: 10_000_000,
      beforeKey: undefined,
      parts: noParts,
      filter: undefined,
    });
    expect(idsOf(jobs).toSorted()).toEqual([...this.#jobs.keys()].toSorted());
    expect(await this.#store.depth()).toBe(this.#depth());
  }

  async #insert({ worker: slot, jobs: wished, claimUpTo }: CommandOf<"insert">): Promise<void> {
    const { number } = await this.#worker(slot);
    for (const job of this.#jobs.values()) await this.#look(job);
    const origins = wished.map(({ origin }) => origin);
    const jobs = wished.map(({ name, dueIn, expiresIn, origin, maxAgeMs, ...rest }) =>
      newJob({
        id: `job-of-model-${name}`,
        ...rest,
        request: { ...newJob().request, url: `${origin}/` },
        retryPolicy: { ...newJob().retryPolicy, maxAgeMs },
        isRelative: dueIn !== undefined && rest.isRelative,
        createTime: this.#now,
        scheduleTime: dueIn === undefined ? undefined : this.#now + dueIn,
        expireTime: expiresIn === undefined ? undefined : this.#now + expiresIn,
      }),
    );
    const before = this.#depth();
    const dueBefore = this.#waiting().filter((job) => this.#isDue(job));
    const results = await this.#store.insert(number, jobs, this.#now, { claimUpTo });
    const fresh = jobs.filter((job) => this.#holderOf(job.dedupKey) === undefined);
    const ids = idsOf(fresh);
    const taken = ids.filter((id, index) => this.#jobs.has(id) || ids.indexOf(id) !== index);
    const tooMany = fresh.length > 0 && before + fresh.length > maxDepth;
    if (taken.length > 0 || tooMany) {
      expect(results).toHaveLength(1);
      const [result] = results;
      const full: InsertResult = { kind: "full", depth: before, limit: maxDepth };
      const refusals = taken.map((id): InsertResult => ({ kind: "id-taken", id }));
      expect(tooMany ? [...refusals, full] : refusals).toContainEqual(result);
      return;
    }
    expect(results).toHaveLength(jobs.length);
    for (const [index, job] of jobs.entries()) {
      const result = results[index];
      const holder = this.#holderOf(job.dedupKey);
      if (holder !== undefined) {
        expect(result).toMatchObject({ kind: "duplicate", id: holder.id, state: holder.state });
        continue;
      }
      if (result?.kind !== "stored") throw new Error(`job ${index} was not stored`);
      const { id, priority, maxAttempts, ambiguityPolicy, dedupKey, scheduleTime, expireTime } = job;
      const isRelative = job.isRelative === true;
      this.#jobs.set(id, {
        id,
        key: result.key,
        ...{ priority, maxAttempts, ambiguityPolicy, dedupKey, isRelative, expireTime },
        state: scheduleTime === undefined ? "QUEUED" : "SCHEDULED",
        dueTime: scheduleTime ?? this.#now,
        attemptCount: 0,
        endedAttempts: 0,
        worker: undefined,
        ...{ begunAttempt: 0, attemptsBefore: 0, runCount: 1, isSending: false },
        ...{ origin: origins[index]!, maxAgeMs: job.retryPolicy.maxAgeMs },
        ...{ runUptimeMs: this.#uptimeMs, endUptimeMs: undefined },
      });
      if (result.claimed) this.#begin(id, number);
      expect(result.state).toBe(this.#jobs.get(id)?.state);
    }
    // Jobs that have expired may count as waiting or not.
    const claimed = results.filter((result) => result.kind === "stored" && result.claimed);
    const dueAtOnce = jobs.filter(
      (job, index) =>
        results[index]?.kind === "stored" &&
        job.scheduleTime === undefined &&
        job.ambiguityPolicy === "retry" &&
        !this.#isBlocked(origins[index]!),
    );
    if (dueBefore.some((job) => !this.#mayExpire(job))) expect(claimed).toEqual([]);
    else if (dueBefore.length === 0) {
      const most = Math.min(claimUpTo, dueAtOnce.length);
      expect(claimed.length).toBeLessThanOrEqual(most);
      // A place may go to one that turns out to be there already.
      if (fresh.length === jobs.length && !results.some((result) => result.kind === "duplicate"))
        expect(claimed).toHaveLength(most);
    }
  }

  async #claim({ worker: slot, limit }: CommandOf<"claim">): Promise<void> {
    const { number } = await this.#worker(slot);
    const allDue = this.#waiting().filter((job) => this.#isDue(job));
    const wasDue = allDue.filter(({ origin }) => !this.#isBlocked(origin));
    const { jobs, nextDueTime } = await this.#store.claim(number, limit, this.#now);
    const inOrder = wasDue
      .filter((job) => !this.#mayExpire(job))
      .toSorted((a, b) => b.priority - a.priority || (a.dueTime ?? 0) - (b.dueTime ?? 0));
    // The same places in the order, though not always the same jobs: of two that are alike, either may come first.
    expect(jobs.map((job) => rank(this.#jobs.get(job.id)))).toEqual(inOrder.slice(0, jobs.length).map(rank));
    expect(new Set(idsOf(jobs)).size).toBe(jobs.length);
    // Expired jobs may take the place of others in one call, if it says that more are due.
    if (allDue.length === inOrder.length) expect(jobs).toHaveLength(Math.min(limit, inOrder.length));
    else if (jobs.length < Math.min(limit, inOrder.length))
      expect(nextDueTime).toBeLessThanOrEqual(this.#now);
    for (const job of jobs) {
      this.#begin(job.id, number);
      const { attemptCount, runUptimeMs, maxAgeMs } = this.#jobs.get(job.id)!;
      expect(job.attempt).toBe(attemptCount);
      if (maxAgeMs !== undefined) expect(job.claimTime - job.runTime).toBe(this.#uptimeMs - runUptimeMs);
    }
    for (const job of this.#waiting()) await this.#look(job);
    if (jobs.length >= limit) return;
    const waiting = this.#waiting();
    expect(waiting.filter((job) => this.#isDue(job) && this.#mayExpire(job))).toEqual([]);
    const times = waiting.map((job) => job.dueTime ?? 0);
    expect(nextDueTime).toBe(times.length === 0 ? undefined : Math.min(...times));
  }

  async #finish(command: CommandOf<"finish">): Promise<void> {
    const { worker: slot, pick, off, as, retryIn, leaveAloneFor } = command;
    const { number } = await this.#worker(slot);
    const job = this.#pick(pick);
    if (job === undefined) return;
    const running = { key: job.key, attempt: job.attemptCount + off };
    const until = leaveAloneFor === undefined || as !== "RETRYING" ? undefined : this.#now + leaveAloneFor;
    const { origin } = job;
    const slowDown = until === undefined ? undefined : { origin, until };
    const ended = this.#finishedAs(as, running, this.#now + retryIn);
    const finished = { ...ended, attempt: { ...ended.attempt, endTime: this.#now }, slowDown };
    const isOfJob = job.worker === number && off === 0;
    const mine = job.state === "DISPATCHING" && isOfJob;
    const isRecorded = mine || (job.isSending && isOfJob);
    expect(await this.#store.finish(number, [finished])).toEqual([isRecorded ? "recorded" : "stale"]);
    if (mine && as === "RELEASED") {
      this.#move(job, "release", finished.attempt.endTime);
      job.attemptCount--;
      job.begunAttempt = 0;
    } else if (mine && as !== "RELEASED") {
      const event = { SUCCEEDED: "succeed", FAILED: "fail", HELD: "hold", RETRYING: "retry-later" } as const;
      this.#move(job, event[as], as === "RETRYING" ? this.#now + retryIn : undefined);
      job.endedAttempts++;
      if (until !== undefined) this.#blocked.set(origin, Math.max(until, this.#blocked.get(origin) ?? 0));
    } else if (isRecorded) {
      job.isSending = false;
      job.endedAttempts++;
    }
    await this.#look(job);
  }

  #finishedAs(
    as: CommandOf<"finish">["as"],
    running: { key: number; attempt: number },
    nextAttemptTime: number,
  ): FinishedAttempt {
    if (as === "SUCCEEDED") return succeeded(running);
    if (as === "RELEASED") {
      const released = endedAs("FAILED", running, { endTime: this.#now });
      return { ...released, next: { state: "RELEASED" } };
    }
    return as === "RETRYING" ? retriedAt(nextAttemptTime, running) : endedAs(as, running);
  }

  async #beginSending({ worker: slot, pick }: CommandOf<"begin">): Promise<void> {
    const { number } = await this.#worker(slot);
    const job = this.#pick(pick);
    if (job === undefined) return;
    const mine = job.state === "DISPATCHING" && job.worker === number;
    expect(await this.#store.begin(number, job.key, job.attemptCount)).toBe(mine ? "recorded" : "stale");
    if (mine) job.begunAttempt = job.attemptCount;
  }

  async #retry({ pick }: CommandOf<"retry">): Promise<void> {
    const job = this.#pick(pick);
    if (job === undefined) return;
    for (const other of this.#jobs.values()) await this.#look(other);
    const result = await this.#store.retry(job.id, this.#now);
    if (nextState(job.state, "retry-now") === undefined) {
      expect(result.kind).toBe("not-restartable");
      return;
    }
    if (job.isSending) {
      expect(result).toEqual({ kind: "still-sending" });
      return;
    }
    if (isTerminal(job.state)) {
      const holder = this.#holderOf(job.dedupKey);
      const full = this.#depth() >= maxDepth;
      if (holder !== undefined || full) {
        const depth = { kind: "full", depth: this.#depth(), limit: maxDepth };
        expect(result).toEqual(holder === undefined ? depth : { kind: "duplicate", id: holder.id });
        return;
      }
    }
    expect(result).toEqual({ kind: "restarted" });
    this.#move(job, "retry-now", this.#now);
    job.runCount++;
    job.runUptimeMs = this.#uptimeMs;
    job.attemptsBefore = job.attemptCount;
    job.expireTime = undefined;
  }

  async #delete({ pick }: CommandOf<"delete">): Promise<void> {
    const job = this.#pick(pick);
    if (job === undefined) return;
    await this.#look(job);
    const result = await this.#store.delete(job.id, this.#now);
    expect(result.kind).toBe(isTerminal(job.state) ? "deleted" : "not-ended");
    if (isTerminal(job.state)) this.#jobs.delete(job.id);
  }

  async #cancel({ pick }: CommandOf<"cancel">): Promise<void> {
    const job = this.#pick(pick);
    if (job === undefined) return;
    await this.#look(job);
    const result = await this.#store.cancel(job.id, this.#now);
    if (isTerminal(job.state)) {
      expect(result).toMatchObject({ kind: "ended", job: { state: job.state } });
      return;
    }
    const dispatching =
      job.state === "DISPATCHING" ? { worker: job.worker, attempt: job.attemptCount } : undefined;
    expect(result).toMatchObject({ kind: "cancelled", dispatching });
    job.isSending = dispatching !== undefined;
    this.#move(job, "cancel");
    await this.#look(job);
  }

  async #recover({ lost: slot }: CommandOf<"recover">): Promise<void> {
    const named = slot === undefined ? undefined : this.#workers[slot];
    const lost = this.#workers.filter((worker) => worker === named || worker.leaseEndTime < this.#now);
    const result = await this.#store.recover({
      now: this.#now,
      lost: slot === undefined ? [] : [`worker-${slot}`],
    });
    const counted = { requeued: 0, failed: 0, held: 0 };
    for (const job of this.#jobs.values()) {
      if (!lost.some((worker) => worker.number === job.worker)) continue;
      if (job.isSending) {
        job.isSending = false;
        job.endedAttempts++;
      }
      if (job.state === "DISPATCHING") counted[this.#lose(job)]++;
    }
    expect(result).toEqual(counted);
    for (const worker of lost) {
      expect(await this.#store.renewLease(worker.number, this.#now, leaseMs)).toBe(false);
      worker.leaseEndTime = Number.NaN;
    }
  }

  #lose(job: ModelJob): keyof RecoverResult {
    const { ambiguityPolicy, begunAttempt, attemptCount, attemptsBefore, maxAttempts } = job;
    const isTooOld = this.#uptimeMs - job.runUptimeMs > (job.maxAgeMs ?? Number.POSITIVE_INFINITY);
    if (ambiguityPolicy !== "retry" && begunAttempt !== attemptCount) {
      this.#move(job, "release", this.#now);
      job.attemptCount--;
      return "requeued";
    }
    job.endedAttempts++;
    if (ambiguityPolicy === "hold") {
      this.#move(job, "hold");
      return "held";
    }
    if (ambiguityPolicy === "fail" || isTooOld || attemptCount - attemptsBefore >= maxAttempts) {
      this.#move(job, "fail");
      return "failed";
    }
    this.#move(job, "retry-later", this.#now);
    return "requeued";
  }

  async #renew({ worker: slot }: CommandOf<"renew">): Promise<void> {
    const worker = await this.#worker(slot);
    expect(await this.#store.renewLease(worker.number, this.#now, leaseMs)).toBe(true);
    worker.leaseEndTime = this.#now + leaseMs;
  }

  /** Deletes nothing that ended less than so long ago; and, if the clock never jumped, all that ended longer ago. */
  async #sweep({ retentionMs }: CommandOf<"sweep">): Promise<void> {
    for (const job of this.#jobs.values()) await this.#look(job);
    const [now, limit] = [this.#now, 1000];
    await this.#store.sweep({
      now,
      endedBefore: now - retentionMs,
      respondedBefore: 0,
      maxEnded: 1e9,
      limit,
    });
    for (const [id, { endUptimeMs }] of this.#jobs) {
      const isOld = endUptimeMs !== undefined && this.#uptimeMs - endUptimeMs > retentionMs;
      const isThere = (await this.#store.get(id, noParts)) !== undefined;
      if (!isOld) expect(isThere).toBe(true);
      else if (!this.#hasJumped) expect(isThere).toBe(false);
      if (!isThere) this.#jobs.delete(id);
    }
  }

  /** What is meant for a time of day stays; the rest is as far from now as it was. */
  async #jump({ by }: CommandOf<"jump">): Promise<void> {
    const note = (): Promise<number> =>
      this.#store.noteTime({ now: this.#now, uptimeMs: this.#uptimeMs, boot: "boot" }, leaseMs);
    expect(await note()).toBe(0);
    // A store may have marked some that have expired meanwhile; by another clock they have not.
    for (const job of this.#jobs.values()) await this.#look(job);
    const due = this.#waiting().filter((job) => this.#isDue(job));
    this.#now += by;
    this.#hasJumped = true;
    expect(await note()).toBe(by);
    for (const [origin, until] of this.#blocked) this.#blocked.set(origin, until + by);
    for (const job of this.#waiting()) {
      const moves = due.includes(job) ? by < 0 : job.state !== "SCHEDULED" || job.isRelative;
      if (moves) job.dueTime = (job.dueTime ?? 0) + by;
      expect((await get(this.#store, job.id, noParts)).nextAttemptTime).toBe(job.dueTime);
    }
    for (const worker of this.#workers) {
      if (!Number.isNaN(worker.leaseEndTime)) worker.leaseEndTime = this.#now + leaseMs;
    }
  }

  /** The worker of a slot; in the place of a lost one a new one. */
  async #worker(slot: number): Promise<ModelWorker> {
    while (this.#workers.length <= slot) this.#workers.push({ number: -1, leaseEndTime: Number.NaN });
    const there = this.#workers[slot];
    if (there !== undefined && !Number.isNaN(there.leaseEndTime)) return there;
    const number = await this.#store.registerWorker({ name: `worker-${slot}`, now: this.#now, leaseMs });
    const worker = { number, leaseEndTime: this.#now + leaseMs };
    this.#workers[slot] = worker;
    return worker;
  }

  /** The job that has not ended and has this key. */
  #holderOf(dedupKey: string | undefined): ModelJob | undefined {
    if (dedupKey === undefined) return undefined;
    return [...this.#jobs.values()].find((job) => job.dedupKey === dedupKey && !isTerminal(job.state));
  }

  #pick(pick: number): ModelJob | undefined {
    const jobs = [...this.#jobs.values()];
    return jobs[pick % Math.max(1, jobs.length)];
  }

  #begin(id: string, worker: number): void {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new Error(`claimed ${id}, which is not there`);
    this.#move(job, "claim");
    job.attemptCount++;
    job.worker = worker;
  }

  #move(job: ModelJob, event: JobEvent, dueTime?: number): void {
    const next = nextState(job.state, event);
    if (next === undefined) throw new Error(`${job.id} is ${job.state} and cannot ${event}`);
    job.state = next;
    job.dueTime = dueTime;
    job.endUptimeMs = isTerminal(next) ? this.#uptimeMs : undefined;
  }

  /** Compares one job. A store may take its time to mark what has expired; once it did, the model follows. */
  async #look(job: ModelJob): Promise<void> {
    const record = await get(this.#store, job.id, noParts);
    if (record.state === "EXPIRED" && this.#mayExpire(job)) this.#move(job, "expire");
    if (this.#isDue(job) && this.#isBlocked(job.origin) && record.nextAttemptTime !== job.dueTime) {
      const until = this.#blocked.get(job.origin)!;
      const { expireTime = until } = job.attemptCount === 0 ? job : {};
      expect(record.nextAttemptTime).toBe(Math.min(until, expireTime));
      job.dueTime = record.nextAttemptTime;
      if (job.state === "SCHEDULED") job.state = "QUEUED";
    }
    const { id, key, state, attemptCount, priority } = job;
    expect(record).toMatchObject({ id, key, attemptCount, priority });
    // A scheduled job whose time has come may be called queued.
    if (state === "SCHEDULED" && this.#isDue(job)) expect(["SCHEDULED", "QUEUED"]).toContain(record.state);
    else expect(record.state).toBe(state);
  }

  #waiting(): ModelJob[] {
    return [...this.#jobs.values()].filter((job) => job.dueTime !== undefined);
  }

  #isBlocked(origin: string): boolean {
    return (this.#blocked.get(origin) ?? 0) > this.#now;
  }

  #isDue(job: ModelJob): boolean {
    return job.dueTime !== undefined && job.dueTime <= this.#now;
  }

  #mayExpire(job: ModelJob): boolean {
    const waits = job.dueTime !== undefined && job.attemptCount === 0;
    return waits && job.expireTime !== undefined && job.expireTime < this.#now;
  }

  #depth(): number {
    return [...this.#jobs.values()].filter((job) => !isTerminal(job.state)).length;
  }
}

function rank(job: ModelJob | undefined) {
  return [job?.priority, job?.dueTime];
}

export function describeModel(open: OpenStore): void {
  describe("any sequence of calls", () => {
    test(
      "has the answers that a plain model has",
      async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(command, { minLength: 1, maxLength: 60, size: "max" }),
            async (commands) => {
              await using setting = await setUp(open, maxDepth);
              const model = new Model(setting.store);
              for (const command of commands) await model.run(command);
              await model.check();
            },
          ),
          { numRuns: runs },
        );
      },
      60_000 + runs * 1000,
    );
  });
}
