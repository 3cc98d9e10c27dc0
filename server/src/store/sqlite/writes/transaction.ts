import type { DatabaseSync } from "node:sqlite";
import { splitUrl } from "../../../job/origin.ts";
import { keptAttempts } from "../../store.ts";
import type { FinishedRow } from "../rows.ts";
import { Waiting } from "./waiting.ts";
import { prepareWrites } from "./statements.ts";

/** What the changes of one transaction share: the statements, prepared once a connection, and the counters. */
export class Transaction {
  readonly sql: ReturnType<typeof prepareWrites>;
  readonly waiting: Waiting;
  /** As in the table `counter` at the start of the transaction, and grown since. */
  revision = 0;
  /** How many jobs have not ended, and how many have. */
  depth = 0;
  ended = 0;
  #revisionBefore = 0;
  #depthBefore = 0;
  #endedBefore = 0;
  /** Which workers are registered, as far as this transaction asked. */
  readonly #registered = new Map<number, boolean>();
  /** Until when which origin is not to be called; undefined until this transaction asked. */
  #blocked: Map<string, number> | undefined;

  constructor(database: DatabaseSync) {
    this.sql = prepareWrites(database);
    this.waiting = new Waiting(this.sql);
  }

  /** Reads the counters: the first thing in a transaction. */
  begin(): void {
    const row = this.sql.readCounter.get()!;
    this.revision = row["revision"] as number;
    this.depth = row["depth"] as number;
    this.ended = row["ended"] as number;
    this.#revisionBefore = this.revision;
    this.#depthBefore = this.depth;
    this.#endedBefore = this.ended;
    this.waiting.forget();
    this.#registered.clear();
    this.#blocked = undefined;
  }

  /** Writes the counters: the last thing in a transaction. One that changed nothing costs no fsync. */
  end(): void {
    if (
      this.revision === this.#revisionBefore &&
      this.depth === this.#depthBefore &&
      this.ended === this.#endedBefore
    )
      return;
    this.sql.writeCounter.run(this.revision, this.depth, this.ended);
  }

  /** One more job has ended. */
  countEnd(): void {
    this.depth--;
    this.ended++;
  }

  /** What a lost worker claimed, nobody would ever take back. */
  isRegistered(worker: number): boolean {
    let found = this.#registered.get(worker);
    if (found === undefined) {
      found = this.sql.isRegistered.get(worker) !== undefined;
      this.#registered.set(worker, found);
    }
    return found;
  }

  /** Until when the target of this URL is not to be called; 0 if it may be. */
  blockedUntil(url: string, now: number): number {
    this.#blocked ??= this.#readBlocked(now);
    if (this.#blocked.size === 0) return 0;
    const until = this.#blocked.get(splitUrl(url).origin) ?? 0;
    return until > now ? until : 0;
  }

  slowDown(origin: string, until: number): void {
    this.sql.slowDown.run(origin, until);
    this.#blocked = undefined;
  }

  /** Other times stand in the table than before: ask again. */
  forgetBlocked(): void {
    this.#blocked = undefined;
  }

  #readBlocked(now: number): Map<string, number> {
    const rows = this.sql.destinations.all();
    if (rows.some((row) => (row["blocked_until"] as number) <= now)) this.sql.speedUp.run(now);
    return new Map(rows.map((row) => [row["origin"] as string, row["blocked_until"] as number]));
  }

  /** Others are registered than before: ask again. */
  forgetRegistered(): void {
    this.#registered.clear();
  }

  addAttempt(row: Omit<FinishedRow, "next" | "nextAttemptTime" | "slowOrigin" | "slowUntil">): void {
    const { key, attempt } = row;
    // Only the newest response is kept.
    if (row.responseHeaders !== null && attempt > 1) this.sql.dropResponses.run(key);
    if (attempt > keptAttempts) this.sql.dropAttempts.run(key, attempt - keptAttempts);
    this.sql.insertAttempt.run(
      key,
      attempt,
      row.result,
      row.startTime,
      row.endTime,
      row.httpStatus,
      row.worker,
      row.errorReason,
      row.errorMessage,
      row.responseTruncated,
      row.responseHeaders,
      row.responseBody,
      row.passage,
    );
  }
}
