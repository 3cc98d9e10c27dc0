/** How far back it looks. */
const windowMs = 25;
/**
 * How far ahead it looks: for many claims, each of which takes a few milliseconds to the disk and back, tens on a slow
 * disk or a busy machine. With less, sends wait for claims under load; then jobs that are handed over find others waiting
 * on disk, cannot be claimed as they are stored, and each costs one change of the store more: a third of the throughput.
 */
const leastAheadMs = 150;
const mostAheadMs = 400;
const claimsAhead = 8;
/** So much counts the newest claim, or the newest send. */
const newest = 0.2;

/**
 * Counts how many sends ended lately: as many more in a time will be over by the time a claim is on disk, so as many jobs
 * more may be claimed than are allowed to be on their way. Where sends are slow that is none, and no worker holds back
 * jobs that another could send.
 */
export class Flow {
  #windowStart = 0;
  #current = 0;
  #previous = 0;
  /** About how long claims take. */
  #claimMs = windowMs / 2;
  /** About how long sends take. */
  #sendMs = 0;

  /**
   * @param now milliseconds of a monotonic clock
   * @param tookMs since it began
   */
  ended(now: number, tookMs: number): void {
    this.#turn(now);
    this.#current++;
    this.#sendMs += newest * (tookMs - this.#sendMs);
  }

  /** A claim was asked for so long ago, milliseconds, and is there. */
  claimed(tookMs: number): void {
    this.#claimMs += newest * (tookMs - this.#claimMs);
  }

  /**
   * How many sends will end until what is claimed now has come and gone: as fast as in the last full window, or in the one
   * that has begun if that is more; but no more than so many that run at once can end in that time (Little's law), since
   * slow sends that began together end together.
   *
   * @param atOnce how many run at once
   */
  expected(now: number, atOnce: number): number {
    this.#turn(now);
    const aheadMs = Math.min(mostAheadMs, Math.max(leastAheadMs, claimsAhead * this.#claimMs));
    const asBefore = (Math.max(this.#previous, this.#current) * aheadMs) / windowMs;
    return Math.ceil(Math.min(asBefore, (atOnce * aheadMs) / Math.max(this.#sendMs, 1)));
  }

  #turn(now: number): void {
    const windows = Math.floor((now - this.#windowStart) / windowMs);
    if (windows <= 0) return;
    this.#previous = windows === 1 ? this.#current : 0;
    this.#current = 0;
    this.#windowStart += windows * windowMs;
  }
}
