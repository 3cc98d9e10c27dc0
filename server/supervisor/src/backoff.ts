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

/** A worker that died. */
export interface Death {
  /** How long it was ready, in milliseconds; 0 if it never was. */
  livedMs: number;
  /** It was well until somebody else killed it. */
  killedByOthers: boolean;
}

/**
 * Decides the delay before a respawn: none after a worker that was ready for 10 s or more, or that was ready and was killed by others, who
 * say nothing about its successor; otherwise 100 ms · 2^failures, at most 30 s, of which a random half is taken off so that workers that
 * died together do not come back together. It never says "give up".
 *
 * @param failures early deaths in a row before this one
 * @param random a number in [0, 1)
 */
export function decideRestart(
  { livedMs, killedByOthers }: Death,
  failures: number,
  random: number,
): RestartDecision {
  if (livedMs >= STABLE_MS) return { delayMs: 0, failures: 0 };
  if (killedByOthers) return { delayMs: 0, failures };
  const full = Math.min(FIRST_DELAY_MS * 2 ** failures, MAX_DELAY_MS);
  return { delayMs: full / 2 + (full / 2) * random, failures: failures + 1 };
}
