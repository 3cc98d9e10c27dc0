import { expect } from "vitest";

/**
 * Work on eight times as much takes about as long as eight times the work where it grows in proportion, and eight times as
 * long as that where it grows with the square. Compared are times of one length, so that whoever else uses the machine
 * stretches both alike.
 */
const factor = 8;
const limit = 3;
/** The first runs are slow, as nothing is compiled, and any may be held up: what counts is the shortest of some. */
const minRuns = 4;
const maxRuns = 20;

/**
 * Expects that work on `count` things takes no more than in proportion to work on an eighth of them.
 *
 * @param prepare makes the work on so many things, which can be done any number of times; that time does not count
 * @returns what the last run on all `count` things returned
 */
export function expectInProportion<T>(count: number, prepare: (count: number) => () => T): T {
  const [few, many] = [prepare(Math.ceil(count / factor)), prepare(count)];
  const fewOften = (): void => {
    for (let i = 0; i < factor; i++) few();
  };
  let [fewMs, manyMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let result: T;
  let runs = 0;
  do {
    fewMs = Math.min(fewMs, timed(fewOften).ms);
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
