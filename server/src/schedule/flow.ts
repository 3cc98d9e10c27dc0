/** How far back it looks. A claim's way to disk and back takes a few milliseconds, tens on a slow disk. */
const windowMs = 25;

/**
 * Counts how many sends ended lately: as many more will be over by the time a claim is on disk, so as many jobs more
 * may be claimed than are allowed to be on their way. Where sends are slow that is none, and no worker holds back
 * jobs that another could send.
 */
export class Flow {
  #windowStart = 0;
  #current = 0;
  #previous = 0;

  /** @param now milliseconds of a monotonic clock */
  ended(now: number): void {
    this.#turn(now);
    this.#current++;
  }

  /** How many sends ended in the last full window, or in the one that has begun if that is more. */
  expected(now: number): number {
    this.#turn(now);
    return Math.max(this.#previous, this.#current);
  }

  #turn(now: number): void {
    const windows = Math.floor((now - this.#windowStart) / windowMs);
    if (windows <= 0) return;
    this.#previous = windows === 1 ? this.#current : 0;
    this.#current = 0;
    this.#windowStart += windows * windowMs;
  }
}
