// What an operation on masks may still spend. Masks are hostile input, and results can be far larger than what they are
// made of: `m.*.{f1…fn}` and `m.{k1…km}` have n × m paths in common.

/** Counts down; beyond the limit the operation ends in a RangeError. */
export class Budget {
  #left: number;
  readonly #problem: string;

  /** @param problem what the RangeError says */
  constructor(limit: number, problem: string) {
    this.#left = limit;
    this.#problem = problem;
  }

  spend(amount = 1): void {
    this.#left -= amount;
    if (this.#left < 0) throw new RangeError(this.#problem);
  }
}
