import { describe, expect, test } from "vitest";
import { readRetryAfter } from "../../server/src/dispatch/retry-after.ts";

const now = Date.parse("2026-11-26T12:00:00Z");

function read(value: string | undefined, date?: string): number | undefined {
  const headers = [
    ...(date === undefined ? [] : [{ name: "date", value: date }]),
    ...(value === undefined ? [] : [{ name: "retry-after", value }]),
  ];
  const time = readRetryAfter(headers, now);
  return time === undefined ? undefined : time - now;
}

describe("Retry-After", () => {
  test.each<[string, number | undefined]>([
    ["1", 1000],
    ["120", 120_000],
    [" 7 ", 7000],
    ["31536000", 31_536_000_000],
    ["0", undefined],
    ["-1", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    ["0x10", undefined],
    ["", undefined],
    ["later", undefined],
    // The same moment in the three forms of RFC 9110.
    ["Thu, 26 Nov 2026 12:00:10 GMT", 10_000],
    ["Thursday, 26-Nov-26 12:00:10 GMT", 10_000],
    ["Thu Nov 26 12:00:10 2026", 10_000],
    ["Thu, 26 Nov 2026 11:59:59 GMT", undefined],
    ["Thu, 26 Nov 2026 12:00:00 GMT", undefined],
    ["Thu, 99 Nov 2026 12:00:10 GMT", undefined],
    ["2026-11-26T12:00:10Z", undefined],
    ["Thu, 26 Nov 2026 12:00:10 +0100", undefined],
  ])("%s", (value, expected) => {
    expect(read(value)).toBe(expected);
  });

  test("as a date is read by the target's clock", () => {
    expect(read("Thu, 26 Nov 2026 09:00:10 GMT", "Thu, 26 Nov 2026 09:00:00 GMT")).toBe(10_000);
    expect(read("Thu, 26 Nov 2026 12:00:10 GMT", "Thu, 26 Nov 2026 13:00:00 GMT")).toBeUndefined();
    expect(read("Thu, 26 Nov 2026 12:00:10 GMT", "no date")).toBe(10_000);
  });

  test("is not cut down, but to what a time can be", () => {
    expect(read("9".repeat(400))).toBe(253_402_300_799_999 - now);
    expect(read("Fri, 31 Dec 9999 23:59:59 GMT")).toBe(Date.parse("9999-12-31T23:59:59Z") - now);
  });

  test("that is not there says nothing", () => {
    expect(read(undefined)).toBeUndefined();
  });
});
