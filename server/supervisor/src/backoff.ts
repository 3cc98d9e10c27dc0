/** A worker that was ready for this long counts as a good start. */
export const STABLE_MS = 10_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 30_000;

/** When to start the successor of a worker that died, and the count to bring to the next decision. */
export interface RestartDecision {
  delayMs: number;
  /** Deaths in a row before `STABLE_MS`; 0 after a good start. */
  failures: number;
}

/**
 * Decides the delay before a respawn: none after a worker that was ready for 10 s or more, otherwise 100 ms · 2^failures,
 * at most 30 s, of which a random half is taken off so that workers that died together do not come back together.
 * It never says "give up".
 *
 * @param livedMs how long the worker was ready; 0 if it never was
 * @param failures early deaths in a row before this one
 * @param random a number in [0, 1)
 */
export function decideRestart(livedMs: number, failures: number, random: number): RestartDecision {
  if (livedMs >= STABLE_MS) return { delayMs: 0, failures: 0 };
  const full = Math.min(FIRST_DELAY_MS * 2 ** failures, MAX_DELAY_MS);
  return { delayMs: full / 2 + (full / 2) * random, failures: failures + 1 };
}
