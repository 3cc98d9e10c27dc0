// What a generator does with its connections: a fixed number of calls in flight, or calls at a constant rate.
import { quantile } from "./stats.ts";

/** One connection, or what else calls go through. */
export interface Caller<Answer> {
  /** Starts one call; `onEnd` gets its answer, or undefined when it failed. */
  call(onEnd: (answer: Answer | undefined, failure?: string) => void): void;
}
/** `count` jobs, `concurrency` calls in flight; answered by LoadResult. */
export interface LoadRun {
  kind: "run";
  /** A multiple of the jobs of one call. */
  count: number;
  concurrency: number;
}
/** `count` calls, `perSecond` of them a second, whatever becomes of those before; answered by LoadResult. */
export interface LoadPace {
  kind: "pace";
  count: number;
  perSecond: number;
}
/** Latencies are of calls. */
export interface LoadResult {
  /** CLOCK_MONOTONIC, which all processes share. */
  firstNs: bigint;
  lastNs: bigint;
  /** The acknowledged names, in the order of their answers. */
  names: string[];
  /** Jobs. */
  failures: number;
  /** The reason of the first, where the client knows it. */
  failure: string | undefined;
  latencyP50Ms: number;
  latencyP99Ms: number;
  latencyMaxMs: number;
}

/** What came back, call by call. */
class Tally<Answer> {
  readonly #firstNs = process.hrtime.bigint();
  readonly #answers: Answer[] = [];
  readonly #latencies: Float64Array;
  #ended = 0;
  #failure: string | undefined;

  constructor(calls: number) {
    this.#latencies = new Float64Array(calls);
  }

  /** False after the last one. */
  add(startMs: number, answer: Answer | undefined, failure: string | undefined): boolean {
    this.#latencies[this.#ended++] = performance.now() - startMs;
    if (answer !== undefined) this.#answers.push(answer);
    else this.#failure ??= failure;
    return this.#ended < this.#latencies.length;
  }

  /** Names are read when the time is over. */
  result(jobsACall: number, namesOf: (answer: Answer) => string[]): LoadResult {
    const lastNs = process.hrtime.bigint();
    return {
      firstNs: this.#firstNs,
      lastNs,
      names: this.#answers.flatMap(namesOf),
      failures: jobsACall * (this.#latencies.length - this.#answers.length),
      failure: this.#failure,
      ...summarizeLatencies(this.#latencies),
    };
  }
}

export function summarizeLatencies(
  latencies: Float64Array,
): Pick<LoadResult, "latencyP50Ms" | "latencyP99Ms" | "latencyMaxMs"> {
  latencies.sort();
  return {
    latencyP50Ms: quantile(latencies, 0.5),
    latencyP99Ms: quantile(latencies, 0.99),
    latencyMaxMs: latencies.at(-1) ?? 0,
  };
}

export function runCalls<Answer>(
  callers: readonly Caller<Answer>[],
  { count, concurrency }: LoadRun,
  jobsACall: number,
  namesOf: (answer: Answer) => string[],
): Promise<LoadResult> {
  const calls = Math.ceil(count / jobsACall);
  return new Promise((resolve) => {
    const tally = new Tally<Answer>(calls);
    let started = 0;
    // A connection starts its next call when one of its calls ended, so the share of each connection follows the
    // speed of the process that serves it.
    const call = (caller: Caller<Answer>): void => {
      if (started === calls) return;
      started += 1;
      const startMs = performance.now();
      caller.call((answer, failure) => {
        if (tally.add(startMs, answer, failure)) call(caller);
        else resolve(tally.result(jobsACall, namesOf));
      });
    };
    for (let index = 0; index < concurrency; index += 1) call(callers[index % callers.length]!);
  });
}

/** A latency counts from when its call was due: what holds the generator up as well is not left out. */
export function paceCalls<Answer>(
  callers: readonly Caller<Answer>[],
  { count, perSecond }: LoadPace,
  namesOf: (answer: Answer) => string[],
): Promise<LoadResult> {
  return new Promise((resolve) => {
    const tally = new Tally<Answer>(count);
    const firstMs = performance.now();
    const dueMs = (index: number): number => firstMs + (1000 * index) / perSecond;
    let started = 0;
    const callDue = (): void => {
      while (started < count && dueMs(started) <= performance.now()) {
        const startMs = dueMs(started);
        callers[started++ % callers.length]!.call((answer, failure) => {
          if (!tally.add(startMs, answer, failure)) resolve(tally.result(1, namesOf));
        });
      }
      if (started < count) setTimeout(callDue, Math.max(0, dueMs(started) - performance.now()));
    };
    callDue();
  });
}
