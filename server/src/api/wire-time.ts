/** google.protobuf.Timestamp (a Date, as ts-proto has it) and Duration, to and from milliseconds. */
import type { Duration } from "../gen/google/protobuf/duration.ts";
import type { Violations } from "./violations.ts";

export function toDuration(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export function optionalDuration(ms: number | undefined): Duration | undefined {
  return ms === undefined ? undefined : toDuration(ms);
}

/** Milliseconds, or undefined if it is no duration (google/protobuf/duration.proto gives the range). */
export function durationMs({ seconds, nanos }: Duration): number | undefined {
  const limit = 315_576_000_000n;
  if (seconds > limit || seconds < -limit || Math.abs(nanos) > 999_999_999) return undefined;
  if ((seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0)) return undefined;
  return Number(seconds) * 1000 + nanos / 1e6;
}

export function toDate(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}

/** @returns milliseconds, rounded up to a whole one */
export function checkDuration(
  duration: Duration,
  field: string,
  min: number,
  max: number,
  violations: Violations,
): number {
  const ms = durationMs(duration);
  if (ms === undefined) {
    violations.add(field, "is not a duration: seconds and nanos out of range or of different signs");
    return min;
  }
  if (ms < min || ms > max)
    violations.add(field, `is ${ms / 1000}s, must be from ${min / 1000}s to ${max / 1000}s`);
  return Math.ceil(ms);
}
