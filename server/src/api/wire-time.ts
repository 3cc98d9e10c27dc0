/** google.protobuf.Timestamp (a Date, as ts-proto has it) and Duration, to and from milliseconds. */
import type { Duration } from "../gen/google/protobuf/duration.ts";

export function toDuration(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
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
