import type { ClaimedJob, Outcome } from "../job/job.ts";
import { splitUrl } from "../job/origin.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { ClaimedQueue } from "./claimed-queue.ts";
import { Flow } from "./flow.ts";
import { Recorder, cancelledUnsent, checkStore, givenBack, retryMs } from "./recorder.ts";

/** What sends a job (dispatch/), as far as the scheduler knows it. */
export interface Sender {
  /** Never rejects. */
  send(job: ClaimedJob): Promise<Outcome>;
}

export interface SchedulerOptions {
  readonly store: Store;
  readonly sender: Sender;
  readonly worker: { readonly number: number; readonly name: string };
  /** How many jobs may be sent at once. Read anew each time; when it has grown, `fillUp` sends more. */
  readonly capacity: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Before times are compared with the clock: what waits is moved along if it jumped. */
  readonly settleClock: () => Promise<void> | undefined;
  /** From 0 (inclusive) to 1 (exclusive), for the jitter. */
  readonly random: () => number;
  readonly log: Logger;
  /** Says to the other workers that jobs wait on disk; may be lost. */
  readonly wakeOthers: () => void;
  /** Says to the other workers that a target wants to be left alone; may be lost. */
  readonly slowDownOthers: (origin: string) => void;
  /** The store takes no more changes: this process must end. */
  readonly onStoreFailed: (error: unknown) => void;
}

/** What was missed (a lost wake, a clock that jumped) is found after so long. */
const pollMs = 1000;
/** At most so many times its capacity is claimed, however fast sends end. */
const maxAhead = 8;
/** Nothing more is claimed ahead once what waits has bodies of so many bytes, since all of it is in memory. */
const maxQueuedBytes = 16 * 1024 * 1024;
/** A job that has waited so long for its turn is given back: the sends that it waits for are slower than was thought. */
const maxQueuedMs = 1000;
/** The other workers are woken at most so often: one claim of theirs takes all that waits. */
const wakeOthersMs = 20;
/** How many jobs a round looks for that knows of none: enough to find out whether there are more. */
const probe = 16;
/** So many cancelled attempts are remembered. */
const keptCancelled = 1000;

/**
 * Claims due jobs and sees each one through. It claims what it can send now, and ahead of that as much as the sends
 * of the last moments let it expect to have room for once the claim is on disk; the rest stays there.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  /** Places promised to inserts and claims that are under way. */
  #reserved = 0;
  /** Claimed, and waiting for one that is being sent to end. Never longer than what `maxAhead` allows. */
  readonly #queue = new ClaimedQueue();
  /** When `#queue` is looked through for those that wait too long. */
  #queueTimer: NodeJS.Timeout | undefined;
  #sending = 0;
  /** Cancelled before this process knew that it had claimed them: the news of a cancel may overtake a claim's answer. */
  readonly #cancelled = new Set<string>();
  /** Sent, and not recorded yet. */
  #recording = 0;
  readonly #flow = new Flow();
  readonly #recorder: Recorder;
  #running = false;
  #claiming = false;
  /** More is due than there was room for, or may be: look again as soon as a place is free. */
  #backlog = false;
  /**
   * How many due jobs are thought to wait. A claim reserves no more places than that: what it reserves in vain is
   * missing to inserts, whose jobs then wait too.
   */
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerTime = Number.POSITIVE_INFINITY;
  #wokeOthersTime = 0;
  readonly #idle: (() => void)[] = [];

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#recorder = new Recorder(options);
  }

  start(): void {
    this.#running = true;
    this.wake();
  }

  /** Claims and begins nothing more. @returns when all that was being sent has ended and all is recorded */
  stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#queueTimer);
    void this.#giveBack(() => true);
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#afterRelease();
    });
  }

  /** How many jobs are claimed and not recorded yet. */
  get active(): number {
    return this.#queue.length + this.#sending + this.#recording;
  }

  /** How many more jobs may be claimed. */
  get #room(): number {
    const { capacity } = this.#options;
    const mayClaimAhead = this.#queue.bodyBytes < maxQueuedBytes;
    const expected = mayClaimAhead ? this.#flow.expected(performance.now(), capacity) : 0;
    const ahead = Math.min(expected, (maxAhead - 1) * capacity);
    return Math.max(0, capacity + ahead - this.#reserved - this.#queue.length - this.#sending);
  }

  /** @see api/relay.ts, HandOver */
  reserve(wanted: number): number {
    if (!this.#running) return 0;
    const granted = Math.min(wanted, this.#room);
    this.#reserved += granted;
    return granted;
  }

  /** @see api/relay.ts, HandOver */
  settle(reserved: number, jobs: readonly ClaimedJob[]): void {
    this.#reserved -= reserved;
    for (const job of jobs) this.#take(job);
    if (jobs.length < reserved) this.#afterRelease();
  }

  /** @see api/relay.ts, HandOver */
  announce(time: number): void {
    const now = this.#options.clock();
    if (time > now) {
      this.#lookAt(time);
      return;
    }
    this.#waiting++;
    const full = this.#room === 0;
    this.#look();
    if (full && now - this.#wokeOthersTime >= wakeOthersMs) {
      this.#wokeOthersTime = now;
      this.#options.wakeOthers();
    }
  }

  /** Nothing is sent for an attempt that was cancelled; one that is being sent already is the sender's to stop. */
  cancel(key: number, attempt: number): void {
    const [job] = this.#queue.take((job) => job.key === key && job.attempt === attempt);
    if (job !== undefined) {
      void this.#recordUnsent(job, cancelledUnsent);
      return;
    }
    this.#cancelled.add(`${key}/${attempt}`);
    for (const oldest of this.#cancelled) {
      if (this.#cancelled.size <= keptCancelled) break;
      this.#cancelled.delete(oldest);
    }
  }

  /** A target wants to be left alone, and the store knows: what is claimed for it and not sent yet is given back. */
  slowDown(origin: string): void {
    void this.#giveBack((job) => splitUrl(job.request.url).origin === origin);
  }

  /** Looks for due jobs, now or as soon as there is room. */
  wake(): void {
    this.#waiting = Math.max(this.#waiting, probe);
    this.#look();
  }

  /** Sends as much as may be sent by now. */
  fillUp(): void {
    this.#sendNext();
    this.wake();
  }

  #sendNext(): void {
    while (this.#sending < this.#options.capacity) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      if (isExpired(next, this.#options.clock())) void this.#recordUnsent(next, givenBack);
      else void this.#seeThrough(next);
    }
  }

  #look(): void {
    if (!this.#running) return;
    if (this.#claiming || this.#room === 0) this.#backlog = true;
    else void this.runOnce();
  }

  /** One round: claims as many due jobs as there is room for, and decides when to look again. */
  async runOnce(): Promise<void> {
    const { store, worker, clock } = this.#options;
    const limit = Math.min(this.#room, Math.max(1, this.#waiting));
    if (limit === 0) {
      this.#backlog = true;
      return;
    }
    this.#claiming = true;
    this.#backlog = false;
    this.#waiting = 0;
    this.#reserved += limit;
    let lookTime = clock() + pollMs;
    try {
      const settled = this.#options.settleClock();
      if (settled !== undefined) await settled;
      const began = performance.now();
      const { jobs, nextDueTime, dueLeft } = await store.claim(worker.number, limit, clock());
      this.#flow.claimed(performance.now() - began);
      for (const job of jobs) this.#take(job);
      lookTime = Math.min(lookTime, nextDueTime ?? lookTime);
      if (lookTime <= clock()) {
        this.#backlog = true;
        this.#waiting = dueLeft ?? Number.POSITIVE_INFINITY;
      }
    } catch (error) {
      lookTime = clock() + retryMs;
      this.#options.log.warn({ err: error }, "scheduler: could not claim; tries again");
      checkStore(error, this.#options.onStoreFailed);
    }
    this.#claiming = false;
    this.#reserved -= limit;
    this.#lookAt(lookTime);
    this.#afterRelease();
  }

  #take(job: ClaimedJob): void {
    if (this.#wasCancelled(job)) {
      void this.#recordUnsent(job, cancelledUnsent);
      return;
    }
    if (!this.#running || isExpired(job, this.#options.clock())) void this.#recordUnsent(job, givenBack);
    else if (this.#sending < this.#options.capacity) void this.#seeThrough(job);
    else {
      this.#queue.push(job);
      this.#queueTimer ??= setTimeout(() => this.#giveBackLate(), maxQueuedMs / 2);
    }
  }

  /** Takes those that wait for their turn out of the queue, and tells the other workers, which may have places free. */
  async #giveBack(isMeant: (job: ClaimedJob) => boolean): Promise<void> {
    const meant = this.#queue.take(isMeant);
    if (meant.length === 0) return;
    await Promise.all(meant.map((job) => this.#recordUnsent(job, givenBack)));
    this.#options.wakeOthers();
  }

  #giveBackLate(): void {
    const now = this.#options.clock();
    void this.#giveBack((job) => now - job.claimTime >= maxQueuedMs || isExpired(job, now));
    this.#queueTimer =
      this.#queue.length === 0 ? undefined : setTimeout(() => this.#giveBackLate(), maxQueuedMs / 2);
  }

  async #seeThrough(job: ClaimedJob): Promise<void> {
    const began = performance.now();
    this.#sending++;
    const mayBegin = job.ambiguityPolicy === "retry" || (await this.#begin(job));
    const outcome = mayBegin ? await this.#options.sender.send(job) : cancelledUnsent(this.#options.clock());
    this.#sending--;
    this.#recording++;
    const now = performance.now();
    this.#flow.ended(now, now - began);
    // None, if the capacity has shrunk.
    this.#sendNext();
    this.#afterRelease();
    const { next: followed, slowDown } = await this.#recorder.finish(job, outcome);
    this.#recording--;
    if ("nextAttemptTime" in followed) this.#lookAt(followed.nextAttemptTime ?? 0);
    if (slowDown !== undefined) {
      this.slowDown(slowDown.origin);
      this.#options.slowDownOthers(slowDown.origin);
    }
    this.#afterRelease();
  }

  #wasCancelled({ key, attempt }: ClaimedJob): boolean {
    return this.#cancelled.delete(`${key}/${attempt}`);
  }

  /** Of a job that may not be sent again in doubt, the store knows that it may have been sent before it is. */
  async #begin(job: ClaimedJob): Promise<boolean> {
    return (await this.#recorder.begin(job)) && !this.#wasCancelled(job);
  }

  async #recordUnsent(job: ClaimedJob, outcomeAt: (now: number) => Outcome): Promise<void> {
    this.#recording++;
    await this.#recorder.finish(job, outcomeAt(this.#options.clock()));
    this.#recording--;
    this.#afterRelease();
  }

  #afterRelease(): void {
    if (this.#running) {
      if (this.#backlog && !this.#claiming) this.#look();
    } else if (this.#reserved + this.active === 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Looks for due jobs at `time`, or earlier. */
  #lookAt(time: number): void {
    if (!this.#running || time >= this.#timerTime) return;
    this.#timerTime = time;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#timerTime = Number.POSITIVE_INFINITY;
        this.wake();
      },
      // A clock that jumps ahead must not leave jobs waiting behind a long timer.
      Math.max(0, Math.min(time - this.#options.clock(), pollMs)),
    );
  }
}

/** No attempt began in time. The store finds that out once it is given back. */
function isExpired({ expireTime, attempt }: ClaimedJob, now: number): boolean {
  return expireTime !== undefined && expireTime <= now && attempt === 1;
}
