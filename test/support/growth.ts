import { expect } from "vitest";

/** Four times as much takes about 4 times as long in proportion, and 16 times where work grows with the square. */
const factor = 4;
const limit = 10;
/** The first runs are slow, as nothing is compiled, and others use the machine too: what counts is the shortest of some. */
const minRuns = 4;
const maxRuns = 10;

/**
 * Expects that work on `count` things takes no more than in proportion to work on a quarter of them.
 *
 * @param prepare makes the work on so many things; that time does not count
 * @returns what the last run on all `count` things returned
 */
export function expectInProportion<T>(count: number, prepare: (count: number) => () => T): T {
  const [few, many] = [prepare(Math.ceil(count / factor)), prepare(count)];
  let [fewMs, manyMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let result: T;
  let runs = 0;
  do {
    fewMs = Math.min(fewMs, timed(few).ms);
    const last = timed(many);
    result = last.result;
    manyMs = Math.min(manyMs, last.ms);
    runs++;
  } while (runs < minRuns || (manyMs > limit * fewMs && runs < maxRuns));
  expect(manyMs / fewMs).toBeLessThan(limit);
  return result;
}

function timed<T>(work: () => T): { result: T; ms: number } {
  const start = performance.now();
  const result = work();
  return { result, ms: performance.now() - start };
}
