// The messages that ts-proto holds as one JavaScript value: times, durations, wrappers and FieldMask.

import type { FieldEntry, MessageForm, ScalarType, Values } from "./schema.ts";
import { MessageSchema } from "./schema.ts";
import { copyPlain, equalPlain } from "./plain-value.ts";
import type { TsProtoShape } from "./ts-proto.ts";
import { copyScalar, equalScalars, isZero, zeroOf } from "./ts-proto.ts";

/** google.protobuf.Timestamp; `as` is ts-proto's useDate. */
export function defineTimestamp(as: "Date" | "string" | "Temporal.Instant"): MessageSchema {
  return new MessageSchema("google.protobuf.Timestamp", secondsAndNanos, () => timeForms[as]);
}

/** google.protobuf.Duration as `"3.5s"` (useDuration=string). */
export function defineDuration(): MessageSchema {
  return new MessageSchema("google.protobuf.Duration", secondsAndNanos, () => durationForm);
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

const billion = 1_000_000_000n;

/** A form for a value that is so many nanoseconds. Nanos are never negative in a time, and signed in a duration. */
function nanosecondsForm(
  toNanoseconds: (value: unknown) => bigint,
  fromNanoseconds: (nanoseconds: bigint) => unknown,
  signedNanos: boolean,
): MessageForm {
  return {
    open(value): Values {
      const total = toNanoseconds(value);
      let nanos = total % billion;
      if (nanos < 0n && !signedNanos) nanos += billion;
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

const timeForms: Readonly<Record<"Date" | "string" | "Temporal.Instant", MessageForm>> = {
  Date: nanosecondsForm(
    (value) => BigInt(Math.trunc((value as Date).getTime())) * 1_000_000n,
    (nanoseconds) => new Date(millisOf(nanoseconds)),
    false,
  ),
  string: nanosecondsForm(
    (value) => parseTime(value as string),
    (nanoseconds) => new Date(millisOf(nanoseconds)).toISOString(),
    false,
  ),
  "Temporal.Instant": nanosecondsForm(
    (value) => (value as Instant).epochNanoseconds,
    (nanoseconds) => Temporal.Instant.fromEpochNanoseconds(nanoseconds),
    false,
  ),
};

const durationForm = nanosecondsForm(
  (value) => {
    const [, sign, seconds = "0", fraction = ""] = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(value as string) ?? [];
    const total = BigInt(seconds) * billion + BigInt(fraction.padEnd(9, "0"));
    return sign === "-" ? -total : total;
  },
  (total) => {
    const size = total < 0n ? -total : total;
    const fraction = String(size % billion)
      .padStart(9, "0")
      .replace(/0+$/, "");
    return `${total < 0n ? "-" : ""}${size / billion}${fraction === "" ? "" : `.${fraction}`}s`;
  },
  true,
);

function millisOf(nanoseconds: bigint): number {
  const millis = nanoseconds / 1_000_000n;
  return Number(nanoseconds % 1_000_000n < 0n ? millis - 1n : millis);
}

function parseTime(text: string): bigint {
  const millis = new Date(text).getTime();
  if (Number.isNaN(millis)) return 0n;
  const [, fraction = ""] = /\.(\d{1,9})/.exec(text) ?? [];
  const seconds = BigInt(Math.floor(millis / 1000));
  return seconds * billion + BigInt(fraction.padEnd(9, "0"));
}
