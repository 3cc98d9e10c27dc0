// filterBytes on bytes that are made to cost much. Each limit is some ten times of what the work
// takes, and far below what work that grows with the square of the bytes would need.

import { MAX_SEGMENTS, compileMask, defineMask, filterBytes } from "@fieldpost/fieldmask";
import { schemaOf } from "@fieldpost/fieldmask/protobuf-es";
import { expect, test } from "vitest";
import { END_GROUP, START_GROUP } from "../../plugin/runtime/src/wire-reader.ts";
import { describeOldMessage } from "./old-message.ts";
import { group, int, join, sized, varint } from "./wire-bytes.ts";
import { filter } from "./wire-schema.ts";

function withinSeconds<T>(seconds: number, work: () => T): T {
  const start = performance.now();
  const result = work();
  expect((performance.now() - start) / 1000).toBeLessThan(seconds);
  return result;
}

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

test("a message in 100,000 pieces", () => {
  const bytes = times(100_000, sized(3, int(2, 1), sized(3, "l")), sized(3, sized(4, "r")));
  const filtered = withinSeconds(6, () => filter(["part.number", "part.left"], bytes));
  expectBytes(filtered, sized(3, times(100_000, int(2, 1))));
  const right = withinSeconds(6, () => filter(["part.right"], bytes));
  expect(right).toEqual(sized(3, sized(4, "r")));
});

test("100,000 members of a oneof that override each other", () => {
  const bytes = times(100_000, sized(10, int(2, 1)), sized(11, "c"));
  const again = sized(10, sized(1, "t"));
  withinSeconds(6, () => {
    expect(filter(["block.text"], bytes)).toEqual(new Uint8Array(0));
    expect(filter(["block.text", "code"], bytes)).toEqual(sized(11, "c"));
    expect(filter(["block"], join(bytes, again))).toEqual(again);
  });
});

test("a million records of two bytes, each second one kept", () => {
  const bytes = times(500_000, int(2, 1), sized(1));
  expectBytes(
    withinSeconds(6, () => filter(["name"], bytes)),
    times(500_000, sized(1)),
  );
});

test("100,000 elements, and 100,000 entries of one key", () => {
  const elements = times(100_000, sized(4, sized(1, "a"), int(2, 1)));
  expectBytes(
    withinSeconds(6, () => filter(["parts.*.number"], elements)),
    times(100_000, sized(4, int(2, 1))),
  );
  const entries = times(100_000, sized(9, sized(1, "a"), sized(2, sized(1, "a"), int(2, 1))));
  expectBytes(
    withinSeconds(6, () => filter(["by_name.a.number"], entries)),
    times(100_000, sized(9, sized(1, "a"), sized(2, int(2, 1)))),
  );
});

test("an entry with 100,000 keys and values", () => {
  const bytes = sized(
    9,
    times(100_000, sized(1, "a"), sized(2, int(2, 1)), sized(1, "b"), sized(2, sized(1))),
  );
  const filtered = withinSeconds(6, () => filter(["by_name.b.number"], bytes));
  expect(filter(["by_name.a.number"], bytes)).toEqual(new Uint8Array(0));
  expect(filtered.subarray(-1_000)).toEqual(times(500, int(2, 1)));
});

test("entries of one key, of which a large mask selects one part by name and one by a star", () => {
  const down = (steps: number): string => Array.from({ length: steps }, () => "part").join(".");
  const names = Array.from({ length: 20 }, (_, i) => `by_name.k.by_name.n${i}.${down(200)}.text`);
  const stars = Array.from({ length: 20 }, (_, i) => `by_name.*.by_name.n${i}.${down(200)}.number`);
  const bytes = times(
    50_000,
    sized(9, sized(1, "k"), sized(2, sized(6, sized(1, "n7"), sized(2, int(2, 1))))),
  );
  const filtered = withinSeconds(6, () => filter([...names, ...stars], bytes));
  expectBytes(filtered, times(50_000, sized(9, sized(1, "k"), sized(2, sized(6, sized(1, "n7"), sized(2))))));
});

test("messages as deep as a mask can be, each in two pieces", () => {
  const depth = MAX_SEGMENTS - 1;
  let bytes = times(5_000, sized(1, "abcdefgh"), int(2, 1));
  let expected = times(5_000, int(2, 1));
  for (let i = 0; i < depth; i++) {
    const number = i === depth - 1 ? 3 : 5;
    bytes = join(sized(number), sized(number, bytes));
    expected = sized(number, expected);
  }
  const path = [...Array.from({ length: depth }, () => "part"), "number"].join(".");
  const before = process.memoryUsage().arrayBuffers;
  const filtered = withinSeconds(6, () => filter([path], bytes));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * bytes.length);
  expectBytes(filtered, expected);
});

test("a million groups inside of each other", () => {
  const bytes = join(times(1_000_000, varint(163)), times(1_000_000, varint(164)), sized(1, "a"));
  expectBytes(
    withinSeconds(6, () => filter(["name"], bytes)),
    sized(1, "a"),
  );
  expectBytes(
    withinSeconds(6, () => filter(["name"], bytes, { unknownFields: "keep" })),
    bytes,
  );
});

test("groups with a type, as deep as a mask can be", () => {
  const schema = schemaOf(describeOldMessage());
  const depth = MAX_SEGMENTS - 2;
  const tags = (wireType: number): Uint8Array => times(depth, varint(2 * 8 + wireType));
  const payload = times(500_000, int(9, 1), sized(1, "a"));
  const bytes = group(1, tags(START_GROUP), payload, tags(END_GROUP));
  const path = [...Array.from({ length: MAX_SEGMENTS - 1 }, () => "node"), "text"].join(".");
  const mask = compileMask(defineMask<string>(schema, { profile: "read" }), [path]);
  const filtered = withinSeconds(6, () => filterBytes(schema, bytes, mask));
  expectBytes(filtered, group(1, tags(START_GROUP), times(500_000, sized(1, "a")), tags(END_GROUP)));
});
