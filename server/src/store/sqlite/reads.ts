/** Every question to the store, each answered inside a read transaction of its own. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { JobRecord } from "../../job/job.ts";
import { keptAttempts } from "../store.ts";
import type { JobPage, JobPart, ListQuery } from "../store.ts";
import type { Checkpoints } from "./failed-sync.ts";
import { isVisible, toAttempt, toFailure, toRecord, toResponse, toSpec } from "./rows.ts";
import type { Row } from "./rows.ts";
import { Scans } from "./scan.ts";

/** A question, as it is sent to the reading thread. */
export type ReadOperation =
  | { readonly kind: "get"; readonly id: string; readonly parts: ReadonlySet<JobPart> }
  | { readonly kind: "list"; readonly query: ListQuery }
  | { readonly kind: "is-sending"; readonly key: number }
  | { readonly kind: "depth" }
  | { readonly kind: "checkpoint" };

export interface ReadResults {
  get: JobRecord | undefined;
  list: JobPage;
  "is-sending": boolean;
  depth: number;
  /** Pages in the WAL; 0 if another checkpoint was under way. */
  checkpoint: number;
}

/** About what a record takes in a message, beside its texts and bytes. */
const recordBytes = 256;

const jobColumns = `key, id, uid, queue, state, priority, due_time, expire_time, schedule_time, attempt_count,
  max_attempts, create_time, update_time, finish_time, revision, dedup_key, ambiguity, run_count, retention`;

export class Reads {
  readonly #database: DatabaseSync;
  readonly #checkpoints: Checkpoints;
  readonly #sql: ReturnType<typeof prepareAll>;
  readonly #scans: Scans;

  constructor(database: DatabaseSync, checkpoints: Checkpoints) {
    this.#database = database;
    this.#checkpoints = checkpoints;
    this.#sql = prepareAll(database);
    this.#scans = new Scans(database, jobColumns);
  }

  run(operation: ReadOperation): ReadResults[ReadOperation["kind"]] {
    switch (operation.kind) {
      case "get":
        return this.#snapshot(() => {
          const row = this.#sql.get.get(operation.id);
          return row === undefined ? undefined : this.#record(row, operation.parts).record;
        });
      case "list":
        return this.#snapshot(() => this.#list(operation.query));
      case "is-sending":
        return this.#sql.isSending.get(operation.key) !== undefined;
      case "depth":
        return this.#sql.depth.get()!["depth"] as number;
      case "checkpoint":
        // Never waits for a reader or a writer.
        return this.#checkpoints.run(() => this.#sql.checkpoint.get()!["log"] as number) ?? 0;
      default:
        return operation satisfies never;
    }
  }

  /** All statements of one answer see the same state of the store. */
  #snapshot<T>(read: () => T): T {
    this.#database.exec("BEGIN");
    try {
      return read();
    } finally {
      // Nothing was changed. Not COMMIT, whose failure would hide that of the read.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    }
  }

  #list(query: ListQuery): JobPage {
    const jobs: JobRecord[] = [];
    let bytes = 0;
    const beforeKey = query.beforeKey ?? Number.MAX_SAFE_INTEGER;
    const scan = query.filter === undefined ? undefined : this.#scans.begin(query.filter, beforeKey);
    // One more than asked for tells whether there is a next page.
    for (const row of scan ?? this.#sql.list.iterate(beforeKey, query.limit + 1)) {
      if (jobs.length === query.limit) return { jobs, nextBeforeKey: jobs.at(-1)?.key };
      const { record, size } = this.#record(row, query.parts);
      if (jobs.length > 0 && bytes + size > query.maxBytes) return { jobs, nextBeforeKey: jobs.at(-1)?.key };
      jobs.push(record);
      bytes += size;
    }
    return { jobs, nextBeforeKey: scan?.lookedTo };
  }

  #record(row: Row, parts: ReadonlySet<JobPart>): { record: JobRecord; size: number } {
    const key = row["key"] as number;
    let record = toRecord(row);
    let size = recordBytes;
    if (parts.has("spec") || parts.has("body")) {
      const found = (parts.has("body") ? this.#sql.specWithBody : this.#sql.spec).get(key)!;
      record = {
        ...record,
        spec: toSpec({ ...found, max_attempts: row["max_attempts"]!, ambiguity: row["ambiguity"]! }),
      };
      size += sizeOf(found);
    }
    if (parts.has("attempts")) {
      const found = this.#sql.attempts.all(key, keptAttempts).toReversed();
      record = { ...record, attempts: found.map(toAttempt) };
      for (const attempt of found) size += sizeOf(attempt);
    }
    if (parts.has("last-error")) {
      const found = this.#sql.lastAttempt.get(key);
      record = { ...record, lastError: found === undefined ? undefined : toFailure(found) };
    }
    if (parts.has("response") || parts.has("response-body")) {
      const found = (parts.has("response-body") ? this.#sql.responseWithBody : this.#sql.response).get(key);
      if (found !== undefined) {
        record = { ...record, response: toResponse(found) };
        size += sizeOf(found);
      }
    }
    return { record, size };
  }
}

function sizeOf(row: Row): number {
  let size = 0;
  for (const value of Object.values(row)) {
    size += typeof value === "string" || value instanceof Uint8Array ? value.length : 8;
  }
  return size;
}

function prepareAll(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  const job = `SELECT ${jobColumns} FROM job`;
  const spec = "method, url, headers, parameters, retry, attempt_timeout, labels, traceparent, tracestate";
  const response = "http_status, response_truncated, response_headers";
  const lastResponse =
    "FROM attempt WHERE key = ? AND response_headers IS NOT NULL ORDER BY number DESC LIMIT 1";
  return {
    get: sql(`${job} WHERE id = ? AND ${isVisible}`),
    list: sql(`${job} WHERE key < ? AND ${isVisible} ORDER BY key DESC LIMIT ?`),
    checkpoint: sql("PRAGMA wal_checkpoint(PASSIVE)"),
    isSending: sql("SELECT 1 FROM cancelled WHERE key = ?"),
    depth: sql("SELECT depth FROM counter WHERE one = 1"),
    spec: sql(`SELECT ${spec} FROM spec WHERE key = ?`),
    specWithBody: sql(`SELECT ${spec}, body FROM spec WHERE key = ?`),
    attempts:
      sql(`SELECT number, result, start_time, end_time, http_status, worker, error_reason, error_message,
      passage FROM attempt WHERE key = ? ORDER BY number DESC LIMIT ?`),
    lastAttempt: sql(
      "SELECT error_reason, error_message FROM attempt WHERE key = ? ORDER BY number DESC LIMIT 1",
    ),
    response: sql(`SELECT ${response} ${lastResponse}`),
    responseWithBody: sql(`SELECT ${response}, response_body ${lastResponse}`),
  };
}
