/** Jobs as people read them, made from their ProtoJSON. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { inColumns, printable, shortened } from "./output.ts";

/** Bytes of a body that are shown. */
const shownBody = 2000;

/** One job, a field a line; what is not set is not shown. */
export function describeJob(value: JsonValue): string {
  return inColumns([...fieldsOf("", value)].map(([name, text]) => [name, text]));
}

function* fieldsOf(path: string, value: JsonValue): Generator<[string, string]> {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* fieldsOf(`${path}[${i}]`, item);
  } else if (/(^|\.)headers\[\d+\]$/.test(path) && isHeader(value)) {
    yield [path, printable(`${value.name}: ${value.value ?? ""}`)];
  } else if (typeof value === "object" && value !== null) {
    const isMap = /(^|\.)(labels|parameters)$/.test(path);
    for (const [key, item] of Object.entries(value)) {
      const name = isMap ? printable(key) : protoName(key);
      yield* fieldsOf(path === "" ? name : `${path}.${name}`, item);
    }
  } else {
    yield [path, cellText(path, value)];
  }
}

function isHeader(value: JsonValue): value is { name: string; value?: string } {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && typeof value["name"] === "string"
  );
}

/** Enum values without their prefix, bodies as text where they are text. */
function cellText(path: string, value: JsonValue): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (/(^|\.)body$/.test(path)) return bodyText(Buffer.from(text, "base64"));
  return printable(text.replace(/^(JOB_STATE|ATTEMPT_RESULT|AMBIGUITY_POLICY|JITTER)_(?=[A-Z_]+$)/, ""));
}

function bodyText(body: Buffer): string {
  const text = body.toString("utf8");
  if (text.includes("\ufffd")) return `(${body.length.toLocaleString("en-US")} bytes)`;
  return printable(shortened(text, shownBody));
}

/** A column of the list: its head, and its text for a job. */
interface Column {
  readonly head: string;
  cell(job: JsonObject): string;
}

const defaultColumns: readonly Column[] = [
  { head: "NAME", cell: (job) => valuesAt(job, "name") },
  { head: "STATE", cell: (job) => valuesAt(job, "state") },
  { head: "ATTEMPTS", cell: (job) => valuesAt(job, "attempt_count") || "0" },
  { head: "CREATED", cell: (job) => valuesAt(job, "create_time") },
  { head: "TARGET", cell: (job) => `${valuesAt(job, "http.method")} ${valuesAt(job, "http.url")}`.trim() },
];

/** Prints page after page as one table: the head once, columns that only ever grow. */
export function createJobTable(mask: readonly string[] | undefined): (jobs: readonly JsonValue[]) => string {
  const columns =
    mask === undefined || mask.includes("*")
      ? defaultColumns
      : mask.map((path): Column => ({ head: path.toUpperCase(), cell: (job) => valuesAt(job, path) }));
  const widths: number[] = [];
  let headed = false;
  return (jobs) => {
    const rows = jobs.map((job) => columns.map(({ cell }) => shortened(cell(job as JsonObject), 80)));
    if (!headed) rows.unshift(columns.map(({ head }) => head));
    headed = true;
    return inColumns(rows, widths);
  };
}

/** All values under a mask's path, as text. */
function valuesAt(job: JsonObject, path: string): string {
  let found: JsonValue[] = [job];
  for (const segment of path.split(".")) {
    found = found.flatMap((value) => under(value, segment)).filter((value) => value !== undefined);
  }
  return found.map((value) => textOf(path, value)).join(",");
}

function under(value: JsonValue, segment: string): JsonValue[] {
  if (typeof value !== "object" || value === null) return [];
  if (segment === "*") return Object.values(value);
  if (Array.isArray(value)) return value.flatMap((item) => under(item, segment));
  const found = value[jsonName(segment)] ?? value[segment];
  return found === undefined ? [] : [found];
}

function textOf(path: string, value: JsonValue): string {
  return typeof value === "object" ? printable(JSON.stringify(value)) : cellText(path, value);
}

/** `attempt_count` of `attemptCount`. */
function protoName(name: string): string {
  return /^[a-z]+([A-Z][a-z]*)+$/.test(name)
    ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    : name;
}

function jsonName(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
