/** Looks for the jobs that match a filter, newest first, and at so many jobs and no more: the thread has other readers. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { JobFilter } from "../../job/filter.ts";
import { toFilterSql } from "./filter-sql.ts";
import type { FilterSql } from "./filter-sql.ts";
import { isVisible } from "./rows.ts";
import type { Row } from "./rows.ts";

/** A scan ends once it has looked at so many jobs, or has taken so long: rows that must come from the disk do. */
const maxLooked = 20_000;
const maxMs = 100;
/**
 * How many jobs are looked at between two looks at the clock: fewer where each takes longer. A hundred labels, asked of
 * jobs that have as many as they may, take some milliseconds a job.
 */
const stretchFor = ({ values }: FilterSql): number => Math.max(10, Math.floor(400 / (values.length + 1)));

/** Filters of so many shapes keep their statements. */
const maxStatements = 32;

interface ScanStatements {
  /** The key so many jobs further on; no row if fewer are left. */
  readonly end: StatementSync;
  /** The jobs down to that key that match. */
  readonly matches: StatementSync;
}

export interface Scan extends Iterable<Row> {
  /** The last job that was looked at, if the scan ended before the jobs did. */
  readonly lookedTo: number | undefined;
}

/** The two statements of a scan, for jobs before a key; `columns` are those of `job`. */
export function scanSql({ rareState, condition }: FilterSql, columns: string) {
  // Not bound: SQLite must see that the index job_rare holds it.
  const jobs = rareState === undefined ? "FROM job WHERE" : `FROM job WHERE job.state = ${rareState} AND`;
  // Jobs of a rare state are never of a batch that is not whole.
  const visible = rareState === undefined ? ` AND ${isVisible}` : "";
  return {
    end: `SELECT key ${jobs} key < ? ORDER BY key DESC LIMIT 1 OFFSET ?`,
    matches: `SELECT ${columns} ${jobs} key < ? AND key >= ? AND ${condition}${visible} ORDER BY key DESC`,
  };
}

export class Scans {
  readonly #database: DatabaseSync;
  readonly #columns: string;
  /** By their text; the one used last stands last. */
  readonly #statements = new Map<string, ScanStatements>();

  constructor(database: DatabaseSync, columns: string) {
    this.#database = database;
    this.#columns = columns;
  }

  /** All that is read of it must be read in one transaction, and before the next one begins. */
  begin(filter: JobFilter, beforeKey: number): Scan {
    const sql = toFilterSql(filter);
    const statements = this.#prepare(sql);
    const stretch = stretchFor(sql);
    const started = performance.now();
    let lookedTo: number | undefined;
    return {
      get lookedTo() {
        return lookedTo;
      },
      *[Symbol.iterator]() {
        let before = beforeKey;
        for (let left = maxLooked; left > 0 && performance.now() - started < maxMs; left -= stretch) {
          const end = statements.end.get(before, Math.min(stretch, left) - 1)?.["key"] as number | undefined;
          yield* statements.matches.iterate(before, end ?? 0, ...sql.values);
          if (end === undefined) return;
          before = end;
        }
        lookedTo = before;
      },
    };
  }

  #prepare(filter: FilterSql): ScanStatements {
    const sql = scanSql(filter, this.#columns);
    const known = this.#statements.get(sql.matches);
    const statements = known ?? {
      end: this.#database.prepare(sql.end),
      matches: this.#database.prepare(sql.matches),
    };
    this.#statements.delete(sql.matches);
    this.#statements.set(sql.matches, statements);
    if (this.#statements.size > maxStatements) {
      const [oldest] = this.#statements.keys();
      this.#statements.delete(oldest!);
    }
    return statements;
  }
}
