import { RelayError } from "../job/error.ts";
import type { ClaimedJob, Failure, Outcome } from "../job/job.ts";
import { splitUrl } from "../job/origin.ts";
import { decide } from "../job/transition.ts";
import type { FinishedAttempt, Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";

export interface RecorderOptions {
  readonly store: Store;
  readonly worker: { readonly number: number; readonly name: string };
  /** From 0 (inclusive) to 1 (exclusive), for the jitter. */
  readonly random: () => number;
  readonly log: Logger;
  /** The store takes no more changes: this process must end. */
  readonly onStoreFailed: (error: unknown) => void;
}

/** After an error of the store. */
export const retryMs = 250;
const warnEveryMs = 10_000;

/**
 * A recorder is responsible for what the store knows of attempts. Until it is on disk, the job is this worker's: a busy
 * store is asked again, a failed one ends the process.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  #warnedTime = Number.NEGATIVE_INFINITY;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Before anything is sent. @returns false if nothing may be sent */
  async begin({ key, attempt }: ClaimedJob): Promise<boolean> {
    const { store, worker } = this.#options;
    return (await this.#persist(key, () => store.begin(worker.number, key, attempt))) === "recorded";
  }

  async finish(job: ClaimedJob, outcome: Outcome): Promise<FinishedAttempt> {
    const { store, worker } = this.#options;
    const until = outcome.passage?.retryAfterTime;
    const slowDown = until === undefined ? undefined : { origin: splitUrl(job.request.url).origin, until };
    const finished = { ...this.#toFinished(job, outcome), slowDown };
    await this.#persist(job.key, () => store.finish(worker.number, [finished]));
    return finished;
  }

  #toFinished(job: ClaimedJob, outcome: Outcome): FinishedAttempt {
    const { runTime, claimTime, claimUptimeMs } = job;
    // The clock may have jumped since the claim, but not unnoticed between the two that stand in it.
    const ageMs = claimTime - runTime + performance.now() - claimUptimeMs;
    const decision = decide(job, outcome, outcome.endTime, ageMs, this.#options.random());
    const { result, startTime, endTime, error, response, passage } = outcome;
    const attempt = {
      number: job.attempt,
      result,
      dueTime: job.dueTime,
      claimTime: job.claimTime,
      startTime,
      endTime,
      httpStatus: response?.status ?? 0,
      error,
      worker: this.#options.worker.name,
      passage,
    };
    switch (decision.event) {
      case "retry-later": {
        const { nextAttemptTime } = decision;
        return { key: job.key, attempt, response, next: { state: "RETRYING", nextAttemptTime } };
      }
      case "release": {
        const { nextAttemptTime } = decision;
        if (nextAttemptTime !== undefined) this.#warnExhausted(error?.message);
        return { key: job.key, attempt, response, next: { state: "RELEASED", nextAttemptTime } };
      }
      case "succeed":
        return { key: job.key, attempt, response, next: { state: "SUCCEEDED" } };
      case "fail":
        return { key: job.key, attempt, response, next: { state: "FAILED" } };
      case "hold":
        return { key: job.key, attempt, response, next: { state: "HELD" } };
      default:
        return decision satisfies never;
    }
  }

  /** Now and then, since it may go on for long, and each job would say the same. */
  #warnExhausted(why = ""): void {
    const now = performance.now();
    if (now - this.#warnedTime < warnEveryMs) return;
    this.#warnedTime = now;
    this.#options.log.warn(
      { why },
      "recorder: this process or machine has no descriptor or memory left for a connection; jobs are put off",
    );
  }

  /** @returns undefined if the store failed */
  async #persist<T>(key: number, change: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        return await change();
      } catch (error) {
        this.#options.log.error({ err: error, key }, "recorder: could not record an attempt");
        if (!checkStore(error, this.#options.onStoreFailed)) return undefined;
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }
}

/** @returns false if the store will never take a change again */
export function checkStore(error: unknown, onFailed: (error: unknown) => void): boolean {
  const reason = error instanceof RelayError ? error.reason : undefined;
  if (reason === "STORE_FAILED") onFailed(error);
  return reason !== "STORE_FAILED" && reason !== "STORE_CLOSED";
}

/** How an attempt ended that was cancelled before its turn came. */
export function cancelledUnsent(now: number): Outcome {
  return unsent(now, { reason: "CANCELLED", message: "cancelled before the request was sent" });
}

/** A claim that is given back before its turn came. */
export function givenBack(now: number): Outcome {
  return unsent(now, { reason: "SHUTDOWN", message: "given back before the request was sent" });
}

function unsent(now: number, error: Failure): Outcome {
  return { result: "not-sent", retryable: true, startTime: now, endTime: now, error, response: undefined };
}
