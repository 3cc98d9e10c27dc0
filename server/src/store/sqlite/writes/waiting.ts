import type { StatementSync } from "node:sqlite";

/** Above all priorities, 0 to 9. */
const abovePriorities = 10;

/** What one transaction knows of the jobs that wait. Costs a seek or two a priority in use, which most of the time is one. */
export class Waiting {
  readonly #nextPriority: StatementSync;
  readonly #nextDue: StatementSync;
  readonly #isClosedStageLeft: StatementSync;
  /** Asked once for all inserts of a group; undefined until then. */
  #dueTime: number | undefined;

  constructor(sql: { [name in "nextPriority" | "nextDue" | "isClosedStageLeft"]: StatementSync }) {
    this.#nextPriority = sql.nextPriority;
    this.#nextDue = sql.nextDue;
    this.#isClosedStageLeft = sql.isClosedStageLeft;
  }

  /** The priorities of the jobs that wait, highest first. */
  priorities(): number[] {
    const priorities: number[] = [];
    let row = this.#nextPriority.get(abovePriorities);
    while (row !== undefined) {
      const priority = row["priority"] as number;
      priorities.push(priority);
      row = this.#nextPriority.get(priority);
    }
    return priorities;
  }

  /** When the next one is due; Infinity if none waits, -Infinity if a batch is still to be settled. */
  get dueTime(): number {
    this.#dueTime ??= this.#findDueTime();
    return this.#dueTime;
  }

  #findDueTime(): number {
    if (this.#isClosedStageLeft.get() !== undefined) return Number.NEGATIVE_INFINITY;
    const times = this.priorities().map((priority) => this.#nextDue.get(priority)!["due_time"] as number);
    return Math.min(Number.POSITIVE_INFINITY, ...times);
  }

  /** One more waits. */
  add(dueTime: number): void {
    if (this.#dueTime !== undefined) this.#dueTime = Math.min(this.#dueTime, dueTime);
  }

  /** A transaction begins, or others wait than before: ask again. */
  forget(): void {
    this.#dueTime = undefined;
  }
}
