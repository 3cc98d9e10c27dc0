/** From a filter to a condition on a row of `job`. What comes from a caller is bound, and never a part of the SQL. */
import type { SQLInputValue } from "node:sqlite";
import type { FilterField, JobFilter, NumberField, TextField } from "../../job/filter.ts";
import type { JobState } from "../../job/state.ts";
import { stateNumber } from "./rows.ts";

export interface FilterSql {
  /** The state that all matching jobs have, if the filter says so and the index job_rare holds it. */
  readonly rareState: number | undefined;
  /** The whole filter; the same text for all filters of the same shape. */
  readonly condition: string;
  /** For the question marks in it. */
  readonly values: readonly SQLInputValue[];
}

/** Those of the index job_rare (migrations.ts). */
const rareStates: ReadonlySet<JobState> = new Set(["FAILED", "HELD", "CANCELLED", "EXPIRED"]);

/** As toRecord (rows.ts) has it: due_time is kept while a job runs, and after its end. */
const waitingStates = (["SCHEDULED", "QUEUED", "RETRYING"] as const).map(stateNumber).join(", ");

const ofSpec = (column: string): string => `(SELECT ${column} FROM spec WHERE spec.key = job.key)`;

/** Each is NULL where the field is not set. */
const expressions: { readonly [F in TextField | NumberField | "state" | "labels"]: string } = {
  id: "job.id",
  uid: "ifnull(job.uid, job.id)",
  queue: "job.queue",
  state: "job.state",
  priority: "job.priority",
  attemptCount: "job.attempt_count",
  createTime: "job.create_time",
  updateTime: "job.update_time",
  scheduleTime: "job.schedule_time",
  expireTime: "job.expire_time",
  nextAttemptTime: `iif(job.state IN (${waitingStates}), job.due_time, NULL)`,
  finishTime: "job.finish_time",
  dedupKey: "job.dedup_key",
  method: ofSpec("method"),
  url: ofSpec("url"),
  labels: ofSpec("labels"),
};

/** The value whose key is bound. */
const labelExpression =
  "(SELECT label.value ->> 1 FROM spec, json_each(spec.labels) AS label WHERE spec.key = job.key AND label.value ->> 0 = ?)";

export function toFilterSql(filter: JobFilter): FilterSql {
  const values: SQLInputValue[] = [];
  const condition = conditionOf(filter, values);
  return { rareState: rareStateOf(filter), condition, values };
}

/** NULL stands for "does not match": AND and OR carry it on as if it were false, NOT must not. */
function conditionOf(filter: JobFilter, values: SQLInputValue[]): string {
  switch (filter.kind) {
    case "and":
      return joined(filter.filters, " AND ", "TRUE", values);
    case "or":
      return joined(filter.filters, " OR ", "FALSE", values);
    case "not":
      return `${conditionOf(filter.filter, values)} IS NOT TRUE`;
    case "set":
      return `(${expressionOf(filter.field, values)} IS NOT NULL)`;
    case "state":
      values.push(stateNumber(filter.state));
      return "(job.state = ?)";
    case "number": {
      const expression = expressionOf(filter.field, values);
      values.push(filter.value);
      return `(${expression} ${filter.operator} ?)`;
    }
    case "text":
      return textCondition(filter, values);
    default:
      return filter satisfies never;
  }
}

function joined(
  filters: readonly JobFilter[],
  operator: string,
  ofNone: string,
  values: SQLInputValue[],
): string {
  if (filters.length === 0) return ofNone;
  return `(${filters.map((filter) => conditionOf(filter, values)).join(operator)})`;
}

/** Parts of a text are compared as bytes: SQLite's functions on text end at a NUL, and GLOB has wildcards of its own. */
function textCondition(
  { field, match, value }: Extract<JobFilter, { kind: "text" }>,
  values: SQLInputValue[],
): string {
  const expression = expressionOf(field, values);
  if (match === "whole") {
    values.push(value);
    return `(${expression} = ?)`;
  }
  // SQLite's substr makes NULL of an empty text.
  if (value === "") return `(${expression} IS NOT NULL)`;
  const bytes = Buffer.from(value);
  const whole = `CAST(${expression} AS BLOB)`;
  switch (match) {
    case "prefix":
      values.push(bytes.length, bytes);
      return `(substr(${whole}, 1, ?) = ?)`;
    case "suffix":
      // Counted from the end; of a shorter text all comes.
      values.push(-bytes.length, bytes);
      return `(substr(${whole}, ?) = ?)`;
    case "part":
      values.push(bytes);
      return `(instr(${whole}, ?) > 0)`;
    default:
      return match satisfies never;
  }
}

function expressionOf(field: FilterField, values: SQLInputValue[]): string {
  if (typeof field === "string") return expressions[field];
  values.push(field.label);
  return labelExpression;
}

function rareStateOf(filter: JobFilter): number | undefined {
  if (filter.kind === "state") return rareStates.has(filter.state) ? stateNumber(filter.state) : undefined;
  if (filter.kind !== "and") return undefined;
  for (const one of filter.filters) {
    const found = rareStateOf(one);
    if (found !== undefined) return found;
  }
  return undefined;
}
