/** Filters (AIP-160): which fields there are, how each may be compared, and what that means for a store. */
import type {
  FilterField,
  JobFilter,
  Label,
  NumberField,
  NumberOperator,
  TextField,
  TextMatch,
} from "../job/filter.ts";
import { jobStates } from "../job/state.ts";
import { FilterSyntaxError, parseFilter } from "./filter-syntax.ts";
import type { FilterSyntax, Restriction, Word } from "./filter-syntax.ts";
import { idRule, isId, quote } from "./names.ts";
import { timeIn } from "./rfc3339.ts";
import type { Violations } from "./violations.ts";

/** Makes a comparison of one field, or says what is wrong with it. */
type Field = (restriction: Restriction, refuse: Refuse) => JobFilter;

/** @param rule what must be, after the column and the text that is not so */
type Refuse = (column: number, text: string, rule: string) => JobFilter;

/** By their path in Job. The labels, whose names are the caller's, are not among them. */
const fields: ReadonlyMap<string, Field> = new Map<string, Field>([
  ["name", text("id", { collection: "jobs" })],
  ["uid", text("uid")],
  ["queue", text("queue", { collection: "queues" })],
  ["state", state],
  ["priority", wholeNumber("priority")],
  ["attempt_count", wholeNumber("attemptCount")],
  ["create_time", time("createTime")],
  ["update_time", time("updateTime")],
  ["schedule_time", time("scheduleTime")],
  ["expire_time", time("expireTime")],
  ["next_attempt_time", time("nextAttemptTime")],
  ["finish_time", time("finishTime")],
  ["dedup_key", text("dedupKey")],
  ["http.url", text("url")],
  ["http.method", text("method")],
]);

const allowedFields = [...fields.keys(), "labels.KEY"].join(", ");

/**
 * Reads the field `filter` of a request: each thing that is wrong with it is a violation of its own.
 *
 * @returns undefined for an empty one, which all jobs match. May be used only if nothing was added to `violations`.
 */
export function checkFilter(filter: string, violations: Violations): JobFilter | undefined {
  try {
    const syntax = parseFilter(filter);
    return syntax === undefined ? undefined : toFilter(syntax, violations);
  } catch (error) {
    if (!(error instanceof FilterSyntaxError)) throw error;
    violations.add("filter", error.message);
    return undefined;
  }
}

function toFilter(syntax: FilterSyntax, violations: Violations): JobFilter {
  switch (syntax.kind) {
    case "and":
    case "or":
      return { kind: syntax.kind, filters: syntax.operands.map((operand) => toFilter(operand, violations)) };
    case "not":
      return not(toFilter(syntax.operand, violations));
    case "restriction": {
      const refuse: Refuse = (column, text, rule) => {
        violations.add("filter", `at column ${column}, ${quote(text)} ${rule}`);
        return { kind: "or", filters: [] };
      };
      return compare(syntax, refuse);
    }
    default:
      return syntax satisfies never;
  }
}

function compare(restriction: Restriction, refuse: Refuse): JobFilter {
  const { path, column } = restriction;
  const name = pathOf(restriction);
  if (path[0]?.text === "labels") return compareLabels(restriction, refuse);
  const field = fields.get(name);
  return field === undefined
    ? refuse(column, name, `is not a field of a filter; allowed are ${allowedFields}`)
    : field(restriction, refuse);
}

/** `labels.KEY` is a text; of `labels` itself can only be asked what it has. */
function compareLabels(restriction: Restriction, refuse: Refuse): JobFilter {
  const { path, column, comparator, comparatorColumn, value } = restriction;
  const [, key, ...more] = path;
  if (more.length > 0) {
    return refuse(column, pathOf(restriction), `is no label; a key with dots is quoted: labels."a.b"`);
  }
  if (key !== undefined) return text({ label: key.text })(restriction, refuse);
  if (comparator !== ":") {
    return refuse(
      comparatorColumn,
      comparator,
      "cannot compare labels; allowed are labels:KEY and labels.KEY",
    );
  }
  return set(isStar(value) ? "labels" : { label: value.text });
}

function text(field: TextField | Label, options: { readonly collection?: "jobs" | "queues" } = {}): Field {
  return (restriction, refuse) => {
    const { comparator, value } = restriction;
    if (isOrder(restriction)) return refuseOrder(restriction, refuse);
    if (comparator === ":" && isStar(value)) return set(field);
    const pattern = toPattern(value, options.collection);
    if (typeof pattern === "string") return refuse(value.column, value.text, pattern);
    const { match, value: wanted } = pattern;
    // Any text at all, but for the wildcards.
    const same: JobFilter =
      wanted === "" && match !== "whole" ? set(field) : { kind: "text", field, match, value: wanted };
    return comparator === "!=" ? differs(field, same) : same;
  };
}

/** @returns what is wrong with it, if anything is */
function toPattern(
  { text, wildcards }: Word,
  collection: "jobs" | "queues" | undefined,
): { match: TextMatch; value: string } | string {
  const prefix = collection === undefined ? "" : `${collection}/`;
  const from = prefix.length;
  const atBegin = wildcards.includes(from);
  const atEnd = wildcards.includes(text.length - 1);
  const value = text.slice(from + (atBegin ? 1 : 0), atEnd && text.length > from + 1 ? -1 : undefined);
  const match = atBegin && atEnd ? "part" : atBegin ? "suffix" : atEnd ? "prefix" : "whole";
  if (collection !== undefined && !(text.startsWith(prefix) && (isId(value) || isPartOfId(value, match)))) {
    return `is not ${prefix}{id}, whose id ${idRule}; a * may stand before and after the id`;
  }
  if (wildcards.some((index) => index !== from && index !== text.length - 1)) {
    return 'has a * in its middle; as a wildcard it stands at the beginning or the end, as itself it is quoted: "\\*"';
  }
  return { match, value };
}

/** True if an id may hold the text beside a wildcard. */
function isPartOfId(text: string, match: TextMatch): boolean {
  return match !== "whole" && /^[a-zA-Z0-9_-]*$/.test(text);
}

function state(restriction: Restriction, refuse: Refuse): JobFilter {
  const { comparator, value } = restriction;
  if (isOrder(restriction)) return refuseOrder(restriction, refuse);
  if (comparator === ":" && isStar(value)) return set("state");
  const found = jobStates.find((name) => value.text === name || value.text === `JOB_STATE_${name}`);
  if (found === undefined) {
    return refuse(value.column, value.text, `is not a state; allowed are ${jobStates.join(", ")}`);
  }
  const same: JobFilter = { kind: "state", state: found };
  return comparator === "!=" ? differs("state", same) : same;
}

function wholeNumber(field: NumberField): Field {
  return (restriction, refuse) => {
    const { comparator, value } = restriction;
    // A number counts as set unless it is 0 (AIP-160).
    if (comparator === ":" && isStar(value)) return not({ kind: "number", field, operator: "=", value: 0 });
    return /^-?\d{1,15}$/.test(value.text)
      ? compareNumber(field, restriction, Number(value.text))
      : refuse(value.column, value.text, `is not a whole number, as ${pathOf(restriction)} is one`);
  };
}

function time(field: NumberField): Field {
  return (restriction, refuse) => {
    const { comparator, value } = restriction;
    if (comparator === ":" && isStar(value)) return set(field);
    const found = timeIn(value.text);
    return found === undefined
      ? refuse(value.column, value.text, "is not a time of RFC 3339, such as 2026-11-22T10:00:00Z")
      : compareNumber(field, restriction, found);
  };
}

function compareNumber(field: NumberField, { comparator }: Restriction, value: number): JobFilter {
  const as = (operator: NumberOperator): JobFilter => ({ kind: "number", field, operator, value });
  if (comparator === "!=") return differs(field, as("="));
  return as(comparator === ":" ? "=" : comparator);
}

const not = (filter: JobFilter): JobFilter => ({ kind: "not", filter });

const set = (field: FilterField): JobFilter => ({ kind: "set", field });

/** A field that is not set is not different either. */
const differs = (field: FilterField, same: JobFilter): JobFilter => ({
  kind: "and",
  filters: [set(field), not(same)],
});

const pathOf = ({ path }: Restriction): string => path.map(({ text }) => text).join(".");

/** The value of a presence test. */
const isStar = ({ text, quoted }: Word): boolean => text === "*" && !quoted;

const isOrder = ({ comparator }: Restriction): boolean => !["=", "!=", ":"].includes(comparator);

function refuseOrder(restriction: Restriction, refuse: Refuse): JobFilter {
  const { comparator, comparatorColumn } = restriction;
  return refuse(comparatorColumn, comparator, `cannot compare ${pathOf(restriction)}; allowed are = != :`);
}
