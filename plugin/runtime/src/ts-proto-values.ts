// The messages that ts-proto holds as one JavaScript value: times, wrappers and FieldMask.

import type { FieldEntry, MessageForm, ScalarType, Values } from "./schema.ts";
import { MessageSchema } from "./schema.ts";
import { copyPlain, equalPlain } from "./plain-value.ts";
import { quote } from "./text.ts";
import type { TsProtoShape } from "./ts-proto.ts";
import { copyScalar, equalScalars, isZero, zeroOf } from "./ts-proto.ts";

/** google.protobuf.Timestamp; `as` is ts-proto's useDate. */
export function defineTimestamp(as: keyof typeof timeForms): MessageSchema {
  return new MessageSchema("google.protobuf.Timestamp", secondsAndNanos, () => timeForms[as]);
}

/** A wrapper of google.protobuf, as the value in it. */
export function defineWrapper(typeName: string, scalar: ScalarType, shape: TsProtoShape): MessageSchema {
  return new MessageSchema(
    typeName,
    () => [entry("value", 1, scalar)],
    () => ({
      open: (value) => [isZero(value, scalar) ? undefined : value],
      close: ([value]) => value ?? zeroOf(scalar, shape),
      copy: (value) => copyScalar(value, scalar),
      copyScalar,
      equalScalars,
    }),
  );
}

/** google.protobuf.FieldMask, as its paths. */
export function defineFieldMask(): MessageSchema {
  return new MessageSchema(
    "google.protobuf.FieldMask",
    () => [{ ...entry("paths", 1, "string"), kind: "list" }],
    () => ({
      open: (paths) => [(paths as unknown[]).length === 0 ? undefined : paths],
      close: ([paths]) => paths ?? [],
      copy: copyPlain,
      copyScalar: copyPlain,
      equalScalars: equalPlain,
    }),
  );
}

function entry(name: string, number: number, scalar: ScalarType): FieldEntry {
  return {
    name,
    number,
    jsonName: name,
    kind: "scalar",
    message: undefined,
    scalar,
    key: undefined,
    keyScalar: undefined,
    oneof: undefined,
    delimited: false,
    behaviors: [],
  };
}

function secondsAndNanos(): FieldEntry[] {
  return [entry("seconds", 1, "int64"), entry("nanos", 2, "int32")];
}

const million = 1_000_000n;
const billion = 1_000_000_000n;

/** A form for a time, by the nanoseconds since 1970. Nanos are never negative in a Timestamp. */
function timeForm(
  toNanoseconds: (value: unknown) => bigint,
  fromNanoseconds: (nanoseconds: bigint) => unknown,
): MessageForm {
  return {
    open(value): Values {
      const total = toNanoseconds(value);
      const nanos = modulo(total, billion);
      const seconds = (total - nanos) / billion;
      return [seconds === 0n ? undefined : seconds, nanos === 0n ? undefined : Number(nanos)];
    },
    close: ([seconds, nanos]) =>
      fromNanoseconds(
        ((seconds as bigint | undefined) ?? 0n) * billion + BigInt((nanos as number | undefined) ?? 0),
      ),
    copy: (value) => (value instanceof Date ? new Date(value) : value),
    copyScalar,
    equalScalars,
  };
}

interface Instant {
  readonly epochNanoseconds: bigint;
}

/** Node 26 has it; older ones only with a polyfill, without which ts-proto's own code does not run either. */
declare const Temporal: { readonly Instant: { fromEpochNanoseconds(nanoseconds: bigint): Instant } };

const timeForms = {
  Date: timeForm(
    (value) => BigInt(millisOf(value as Date)) * million,
    (nanoseconds) => dateOf(nanoseconds),
  ),
  string: timeForm(
    (value) => parseTime(value as string),
    (nanoseconds) => formatTime(nanoseconds, modulo(nanoseconds, million) === 0n ? 3 : 9),
  ),
  "string-nano": timeForm(
    (value) => parseTime(value as string),
    (nanoseconds) => formatTime(nanoseconds, 9),
  ),
  "Temporal.Instant": timeForm(
    (value) => (value as Instant).epochNanoseconds,
    (nanoseconds) => Temporal.Instant.fromEpochNanoseconds(nanoseconds),
  ),
};

function millisOf(date: Date): number {
  const millis = date.getTime();
  if (Number.isNaN(millis)) throw new TypeError("an invalid Date is no google.protobuf.Timestamp");
  return millis;
}

/** To the millisecond below, as a Date has no more. */
function dateOf(nanoseconds: bigint): Date {
  return new Date(Number((nanoseconds - modulo(nanoseconds, million)) / million));
}

/** Of an RFC 3339 text, of which a Date would take milliseconds only. */
function parseTime(text: string): bigint {
  const millis = new Date(text).getTime();
  if (Number.isNaN(millis)) {
    throw new TypeError(`${quote(text)} is no google.protobuf.Timestamp: not a time of RFC 3339`);
  }
  const [, fraction = ""] = /\.(\d{1,9})/.exec(text) ?? [];
  return BigInt(Math.floor(millis / 1000)) * billion + BigInt(fraction.padEnd(9, "0"));
}

function formatTime(nanoseconds: bigint, digits: number): string {
  const fraction = String(modulo(nanoseconds, billion)).padStart(9, "0").slice(0, digits);
  return dateOf(nanoseconds)
    .toISOString()
    .replace(/\.\d+Z$/, `.${fraction}Z`);
}

/** Never negative. */
function modulo(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by;
}
