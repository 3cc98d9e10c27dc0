// A google.protobuf.Timestamp that ts-proto holds as one value: what seconds and nanos of it are, and back.

import { defineTimestamp } from "@fieldpost/fieldmask/codegen";
import { describe, expect, test } from "vitest";

type Held = Parameters<typeof defineTimestamp>[0];

/** What is left of a time of which only seconds, or only nanos, are selected. */
function split(as: Held, time: unknown): { seconds: unknown; nanos: unknown; both: unknown } {
  const { form } = defineTimestamp(as);
  const [seconds, nanos] = form.open(time);
  const close = (...values: unknown[]): unknown => form.close(values, undefined);
  return { seconds: close(seconds, undefined), nanos: close(undefined, nanos), both: close(seconds, nanos) };
}

test("a Date has milliseconds, and whole seconds below zero are the ones before", () => {
  expect(split("Date", new Date("2024-02-29T12:34:56.789Z"))).toEqual({
    seconds: new Date("2024-02-29T12:34:56Z"),
    nanos: new Date(789),
    both: new Date("2024-02-29T12:34:56.789Z"),
  });
  expect(split("Date", new Date(-1500))).toEqual({
    seconds: new Date(-2000),
    nanos: new Date(500),
    both: new Date(-1500),
  });
});

test("a text has milliseconds, and what it says below them is kept", () => {
  expect(split("string", "2024-02-29T14:34:56.789+02:00")).toEqual({
    seconds: "2024-02-29T12:34:56.000Z",
    nanos: "1970-01-01T00:00:00.789Z",
    both: "2024-02-29T12:34:56.789Z",
  });
  expect(split("string", "1969-12-31T23:59:58.500000001Z")).toEqual({
    seconds: "1969-12-31T23:59:58.000Z",
    nanos: "1970-01-01T00:00:00.500000001Z",
    both: "1969-12-31T23:59:58.500000001Z",
  });
});

test("a text of useDate=string-nano has nanoseconds", () => {
  expect(split("string-nano", "2024-02-29T12:34:56.123456789Z")).toEqual({
    seconds: "2024-02-29T12:34:56.000000000Z",
    nanos: "1970-01-01T00:00:00.123456789Z",
    both: "2024-02-29T12:34:56.123456789Z",
  });
});

test("nothing of a time is its zero, which is 1970", () => {
  const zeros = { seconds: undefined, nanos: undefined };
  for (const [as, zero] of [
    ["Date", new Date(0)],
    ["string", "1970-01-01T00:00:00.000Z"],
    ["string-nano", "1970-01-01T00:00:00.000000000Z"],
  ] as const) {
    const { form } = defineTimestamp(as);
    expect(form.close([], undefined)).toEqual(zero);
    const [seconds, nanos] = form.open(zero);
    expect({ seconds, nanos }).toEqual(zeros);
  }
});

describe("what is no time is an error that says so:", () => {
  test.each<[Held, unknown, string]>([
    ["Date", new Date(Number.NaN), "an invalid Date is no google.protobuf.Timestamp"],
    ["string", "yesterday", '"yesterday" is no google.protobuf.Timestamp: not a time of RFC 3339'],
    ["string-nano", "", '"" is no google.protobuf.Timestamp: not a time of RFC 3339'],
  ])("%s %j", (as, time, message) => {
    expect(() => defineTimestamp(as).form.open(time)).toThrow(new TypeError(message));
  });
});
