// filterBytes on bytes that are made to cost much: the work grows with the bytes, not with their square.

import { MAX_SEGMENTS, compileMask, defineMask, filterBytes } from "@fieldpost/fieldmask";
import { schemaOf } from "@fieldpost/fieldmask/protobuf-es";
import { expect, test } from "vitest";
import { END_GROUP, START_GROUP } from "../../plugin/runtime/src/wire-reader.ts";
import { describeOldMessage } from "./old-message.ts";
import { expectInProportion } from "../support/growth.ts";
import { group, int, join, sized, varint } from "./wire-bytes.ts";
import { filter } from "./wire-schema.ts";

/** As toEqual, which goes through a million bytes one by one. */
function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  expect(Buffer.compare(actual, expected)).toBe(0);
}

const times = (count: number, ...records: Uint8Array[]): Uint8Array => {
  const one = join(...records);
  const all = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) all.set(one, i * one.length);
  return all;
};

/** Filters `count` times what is made to cost much. @returns the bytes that are left of all of them */
function filterMany(
  count: number,
  paths: readonly string[],
  bytesOf: (count: number) => Uint8Array,
  options?: { unknownFields: "keep" },
): Uint8Array {
  return expectInProportion(count, (some) => {
    const bytes = bytesOf(some);
    return () => filter(paths, bytes, options);
  });
}

test("a message in 100,000 pieces", () => {
  const pieces = (count: number) => times(count, sized(3, int(2, 1), sized(3, "l")), sized(3, sized(4, "r")));
  expectBytes(filterMany(100_000, ["part.number", "part.left"], pieces), sized(3, times(100_000, int(2, 1))));
  expect(filterMany(100_000, ["part.right"], pieces)).toEqual(sized(3, sized(4, "r")));
});

test("100,000 members of a oneof that override each other", () => {
  const members = (count: number) => times(count, sized(10, int(2, 1)), sized(11, "c"));
  const again = sized(10, sized(1, "t"));
  expect(filterMany(100_000, ["block.text"], members)).toEqual(new Uint8Array(0));
  expect(filterMany(100_000, ["block.text", "code"], members)).toEqual(sized(11, "c"));
  expect(filterMany(100_000, ["block"], (count) => join(members(count), again))).toEqual(again);
});

test("a million records of two bytes, each second one kept", () => {
  const records = (count: number) => times(count / 2, int(2, 1), sized(1));
  expectBytes(filterMany(1_000_000, ["name"], records), times(500_000, sized(1)));
});

test("100,000 elements, and 100,000 entries of one key", () => {
  expectBytes(
    filterMany(100_000, ["parts.*.number"], (count) => times(count, sized(4, sized(1, "a"), int(2, 1)))),
    times(100_000, sized(4, int(2, 1))),
  );
  const entries = (count: number) =>
    times(count, sized(9, sized(1, "a"), sized(2, sized(1, "a"), int(2, 1))));
  expectBytes(
    filterMany(100_000, ["by_name.a.number"], entries),
    times(100_000, sized(9, sized(1, "a"), sized(2, int(2, 1)))),
  );
});

test("an entry with 100,000 keys and values", () => {
  const entry = (count: number) =>
    sized(9, times(count, sized(1, "a"), sized(2, int(2, 1)), sized(1, "b"), sized(2, sized(1))));
  const filtered = filterMany(100_000, ["by_name.b.number"], entry);
  expect(filter(["by_name.a.number"], entry(100_000))).toEqual(new Uint8Array(0));
  expect(filtered.subarray(-1_000)).toEqual(times(500, int(2, 1)));
});

test("entries of one key, of which a large mask selects one part by name and one by a star", () => {
  const down = (steps: number): string => Array.from({ length: steps }, () => "part").join(".");
  const names = Array.from({ length: 20 }, (_, i) => `by_name.k.by_name.n${i}.${down(200)}.text`);
  const stars = Array.from({ length: 20 }, (_, i) => `by_name.*.by_name.n${i}.${down(200)}.number`);
  const entries = (count: number) =>
    times(count, sized(9, sized(1, "k"), sized(2, sized(6, sized(1, "n7"), sized(2, int(2, 1))))));
  expectBytes(
    filterMany(50_000, [...names, ...stars], entries),
    times(50_000, sized(9, sized(1, "k"), sized(2, sized(6, sized(1, "n7"), sized(2))))),
  );
});

test("messages as deep as a mask can be, each in two pieces", () => {
  const depth = MAX_SEGMENTS - 1;
  const nested = (count: number) => {
    let bytes = times(count, sized(1, "abcdefgh"), int(2, 1));
    let expected = times(count, int(2, 1));
    for (let i = 0; i < depth; i++) {
      const number = i === depth - 1 ? 3 : 5;
      bytes = join(sized(number), sized(number, bytes));
      expected = sized(number, expected);
    }
    return { bytes, expected };
  };
  const path = [...Array.from({ length: depth }, () => "part"), "number"].join(".");
  const { bytes, expected } = nested(5_000);
  const before = process.memoryUsage().arrayBuffers;
  const filtered = filter([path], bytes);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * bytes.length);
  expectBytes(filtered, expected);
  filterMany(5_000, [path], (count) => nested(count).bytes);
});

test("a million groups inside of each other", () => {
  const groups = (count: number) => join(times(count, varint(163)), times(count, varint(164)), sized(1, "a"));
  expectBytes(filterMany(1_000_000, ["name"], groups), sized(1, "a"));
  expectBytes(filterMany(1_000_000, ["name"], groups, { unknownFields: "keep" }), groups(1_000_000));
});

test("groups with a type, as deep as a mask can be", () => {
  const schema = schemaOf(describeOldMessage());
  const depth = MAX_SEGMENTS - 2;
  const tags = (wireType: number): Uint8Array => times(depth, varint(2 * 8 + wireType));
  const path = [...Array.from({ length: MAX_SEGMENTS - 1 }, () => "node"), "text"].join(".");
  const mask = compileMask(defineMask<string>(schema, { profile: "read" }), [path]);
  const filtered = expectInProportion(500_000, (count) => {
    const payload = times(count, int(9, 1), sized(1, "a"));
    const bytes = group(1, tags(START_GROUP), payload, tags(END_GROUP));
    return () => filterBytes(schema, bytes, mask);
  });
  expectBytes(filtered, group(1, tags(START_GROUP), times(500_000, sized(1, "a")), tags(END_GROUP)));
});
