/** What must never be written down: in logs, and in the messages of spans. */

const redacted = "[redacted]";

/** Names of headers, fields and options whose value is a secret. */
const sensitiveName =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|x-api-key|api[-_]?key|password|passwd|credentials?)$|token|secret/i;

export function isSensitive(name: string): boolean {
  return sensitiveName.test(name);
}

// Each quantifier is bounded, so that a long line costs no more than its length.
const scrubs: readonly (readonly [RegExp, string])[] = [
  [/\b(bearer|basic|digest) {1,8}[^\s"\\,;]{6,4096}/gi, `$1 ${redacted}`],
  [/\/\/[^\s"\\/@]{1,256}@/g, `//${redacted}@`],
  [
    /([?&][^=&\s"\\]{0,64}(?:token|secret|key|password|signature)[^=&\s"\\]{0,64}=)[^&\s"\\]{1,4096}/gi,
    `$1${redacted}`,
  ],
];

/** Takes credentials, a URL's user and password, and secret query parameters out of text, also out of a line of JSON. */
export function scrub(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of scrubs) clean = clean.replace(pattern, replacement);
  return clean;
}

const maxDepth = 8;

/**
 * A copy for a log: secrets replaced, bytes as their number, errors with their causes. Knows header lists in each form:
 * `{name: value}`, `[{name, value}]`, `[[name, value]]` and `[name, value, name, value]`.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth > maxDepth) return "[too deep]";
  if (value instanceof Error) return serializeError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return redactList(value, depth);
  if (value instanceof Map) return redactFields(value as Map<unknown, unknown>, depth);
  if ("toJSON" in value && typeof value.toJSON === "function") return redact(value.toJSON(), depth + 1);
  if ("value" in value && "name" in value && typeof value.name === "string" && isSensitive(value.name)) {
    return { ...value, value: redacted };
  }
  return redactFields(Object.entries(value), depth);
}

function redactFields(
  entries: Iterable<readonly [unknown, unknown]>,
  depth: number,
): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, item] of entries) {
    const name = String(key);
    copy[name] = isSensitive(name) && item !== undefined && item !== "" ? redacted : redact(item, depth + 1);
  }
  return copy;
}

function redactList(list: readonly unknown[], depth: number): unknown[] {
  return list.map((item, index) => {
    const before = list[index - 1];
    if (typeof item === "string" && typeof before === "string" && isSensitive(before)) return redacted;
    return redact(item, depth + 1);
  });
}

/** Type, message, stack, cause and the plain fields (`code`, `address`, …); nothing that hangs on an error otherwise. */
export function serializeError(error: Error, depth = 0): Record<string, unknown> {
  const copy: Record<string, unknown> = { type: error.name, message: error.message, stack: error.stack };
  for (const [key, item] of Object.entries(error)) {
    if (key === "name" || typeof item === "object" || typeof item === "function") continue;
    copy[key] = isSensitive(key) ? redacted : redact(item);
  }
  if (error.cause !== undefined) copy["cause"] = redact(error.cause, depth + 1);
  if (error instanceof AggregateError) copy["errors"] = redact(error.errors.slice(0, 10), depth + 1);
  return copy;
}
