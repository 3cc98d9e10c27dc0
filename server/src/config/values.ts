/** The types of option values: how each is read from text and written again, and how its rule is said to a person. */
import { formatAddress, parseAddress, type Address } from "./address.ts";

export interface ValueType<T> {
  /** What stands in the usage line: `--workers <N|auto>`. Empty for a flag without a value. */
  readonly placeholder: string;
  /** What is allowed; ends the sentence "… is not ". */
  readonly allowed: string;
  /** Undefined where the text is not allowed. */
  parse(text: string): T | undefined;
  /** As a person would write it; `parse` reads it as the same value. */
  format(value: T): string;
}

export const address: ValueType<Address> = {
  placeholder: "address",
  allowed: "an address: host:port, [v6]:port or unix:/path (at most 107 bytes)",
  parse: parseAddress,
  format: formatAddress,
};

export const boolean: ValueType<boolean> = {
  placeholder: "",
  allowed: "true or false",
  parse: (text) => ({ true: true, false: false })[text],
  format: String,
};

/** A path of the file system, as it stands. */
export const path: ValueType<string> = {
  placeholder: "path",
  allowed: "a path",
  parse: (text) => (text === "" || text.includes("\0") ? undefined : text),
  format: String,
};

/** The path of a file that is read. */
export const file: ValueType<string> = { ...path, placeholder: "file" };

/** The store: the path of an SQLite file. URLs of other stores come with those stores. */
export const storePath: ValueType<string> = {
  placeholder: "path",
  allowed: "the path of a file (a URL such as postgres://… is not offered in this release, nor is :memory:)",
  parse: (text) => (/^([a-z][a-z0-9+.-]*:\/\/|file:|:memory:$)/i.test(text) ? undefined : path.parse(text)),
  format: String,
};

/** A whole number. */
export function count(min: number, max: number): ValueType<number> {
  return {
    placeholder: "N",
    allowed: `a whole number from ${inDigits(min)} to ${inDigits(max)}`,
    parse: (text) => within(wholeNumber(text), min, max),
    format: String,
  };
}

export function countOrAuto(min: number, max: number): ValueType<number | "auto"> {
  const counted = count(min, max);
  return {
    placeholder: "N|auto",
    allowed: `${counted.allowed}, or auto`,
    parse: (text) => (text === "auto" ? "auto" : counted.parse(text)),
    format: String,
  };
}

/** A decimal number. */
export function factor(min: number, max: number): ValueType<number> {
  return {
    placeholder: "factor",
    allowed: `a number from ${min} to ${max}`,
    parse: (text) => (/^\d{1,15}(\.\d{1,15})?$/.test(text) ? within(Number(text), min, max) : undefined),
    format: String,
  };
}

/** Bytes: a plain number, or one with a unit. */
export function bytes(min: string, max: string): ValueType<number> {
  return {
    placeholder: "bytes",
    allowed: `a size from ${min} to ${max}, in bytes or with the unit B, KiB, MiB or GiB`,
    parse: (text) => within(bytesIn(text), bytesIn(min)!, bytesIn(max)!),
    format: formatBytes,
  };
}

/** Milliseconds, given with a unit. */
export function duration(min: string, max: string): ValueType<number> {
  return {
    placeholder: "duration",
    allowed: `a duration from ${min} to ${max}, such as 500ms, 30s, 5m, 1h or 1m30s`,
    parse: (text) => within(millisecondsIn(text), millisecondsIn(min)!, millisecondsIn(max)!),
    format: formatDuration,
  };
}

export function choice<const T extends string>(...choices: readonly T[]): ValueType<T> {
  return {
    placeholder: choices.join("|"),
    allowed: `one of ${choices.join(", ")}`,
    parse: (text) => choices.find((known) => known === text),
    format: String,
  };
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

const byteUnits = new Map([
  ["", 1],
  ["B", 1],
  ["KiB", 1024],
  ["MiB", 1024 ** 2],
  ["GiB", 1024 ** 3],
]);

/** The bytes that `text` says (`1.5MiB`), or undefined. */
function bytesIn(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s?([A-Za-z]*)$/.exec(text);
  const unit = byteUnits.get(match?.[2] ?? "?");
  if (match === null || unit === undefined) return undefined;
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** With the largest unit that leaves a whole number: `64KiB`. */
function formatBytes(value: number): string {
  const [unit, size] = [...byteUnits].findLast(([, bytes]) => value % bytes === 0 && value >= bytes) ?? [
    "B",
    1,
  ];
  return `${value / size}${unit}`;
}

const timeUnits = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** The milliseconds that `text` says (`1m30s`), or undefined. Less than a millisecond cannot be said. */
export function millisecondsIn(text: string): number | undefined {
  if (!/^(\d{1,15}(\.\d{1,9})?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, value, unit] of text.matchAll(/([\d.]+)(ms|s|m|h|d)/g)) {
    sum += Number(value) * timeUnits.get(unit!)!;
  }
  // 0.1s + 0.2s: the last bits of a double are not the caller's mistake.
  const whole = Math.round(sum);
  return Math.abs(sum - whole) < 1e-6 && Number.isSafeInteger(whole) ? whole : undefined;
}

/** `1m30s` */
function formatDuration(value: number): string {
  let rest = value;
  let text = "";
  for (const [unit, ms] of [...timeUnits].toReversed()) {
    const count = Math.floor(rest / ms);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * ms;
  }
  return text === "" ? "0s" : text;
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function inDigits(value: number): string {
  return value.toLocaleString("en-US");
}
