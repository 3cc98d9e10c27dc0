// What proto2 and editions add to encoded messages: groups with a type, and enums that know all of their numbers. ts-proto
// knows neither of them.

import { equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { compileMask, defineMask } from "@fieldpost/fieldmask";
import { schemaOf } from "@fieldpost/fieldmask/protobuf-es";
import { describe, expect, test } from "vitest";
import { filterMessage } from "../../plugin/runtime/src/filter.ts";
import { describeOldMessage } from "./old-message.ts";
import { group, int, join, sized } from "./wire-bytes.ts";
import { filter } from "./wire-schema.ts";

const desc = describeOldMessage();
const schema = schemaOf(desc);
const nothing = new Uint8Array(0);

/** Filters the bytes, and sees to it that decoding, filtering and encoding gives the same. */
function filterOld(paths: readonly string[], bytes: Uint8Array, options = {}): Uint8Array {
  const filtered = filter(paths, bytes, options, schema);
  const mask = compileMask(defineMask<string>(schema, { profile: "read" }), paths);
  const expected = filterMessage(schema, fromBinary(desc, bytes), mask) as ReturnType<typeof fromBinary>;
  expect(equals(desc, fromBinary(desc, filtered), expected)).toBe(true);
  expect(equals(desc, fromBinary(desc, toBinary(desc, expected)), expected)).toBe(true);
  return filtered;
}

describe("a group", () => {
  const [a, b] = [sized(1, "a"), sized(1, "b")];

  test("is kept whole, or filtered between its tags", () => {
    const bytes = join(group(1, a, group(2, b, int(9, 1)), group(3)), group(2, a), group(2, group(3, a, b)));
    expect(filterOld(["node"], bytes)).toEqual(group(1, a, group(2, b, int(9, 1)), group(3)));
    expect(filterOld(["node.text"], bytes)).toEqual(group(1, a));
    expect(filterOld(["node.node.text"], bytes)).toEqual(group(1, group(2, b)));
    expect(filterOld(["nodes.*.nodes.*.text"], bytes)).toEqual(join(group(2), group(2, group(3, a, b))));
    expect(filterOld(["nodes"], bytes)).toEqual(join(group(2, a), group(2, group(3, a, b))));
  });

  test("in pieces is one message", () => {
    const bytes = join(group(1, group(2, a)), group(1, group(2, b), a), group(1));
    expect(filterOld(["node.node.text"], bytes)).toEqual(group(1, group(2, a, b)));
    expect(filterOld(["node.text"], bytes)).toEqual(group(1, a));
  });

  test("in a oneof is overridden, and new after another member", () => {
    const bytes = join(group(3, a), int(4, 1), group(3, b));
    expect(filterOld(["block.text"], bytes)).toEqual(group(3, b));
    expect(filterOld(["color"], bytes)).toEqual(nothing);
    expect(filterOld(["color"], bytes.subarray(0, -5))).toEqual(int(4, 1));
  });

  test("that has a length is an unknown field", () => {
    const bytes = join(sized(1, a), group(1, b), sized(2, a));
    expect(filter(["node.text", "nodes"], bytes, {}, schema)).toEqual(group(1, b));
    expect(filter(["node.text"], bytes, { unknownFields: "keep" }, schema)).toEqual(
      join(sized(1, a), sized(2, a), group(1, b)),
    );
  });
});

describe("a number that a closed enum does not know", () => {
  test("is one of an unknown field, and overrides no other member of a oneof", () => {
    const bytes = join(group(3), int(4, 7), int(6, 1), int(6, 7));
    expect(filterOld(["block.text"], bytes)).toEqual(group(3));
    expect(filterOld(["block.text"], join(group(3), int(4, -2)))).toEqual(nothing);
    expect(filterOld(["color", "block"], bytes)).toEqual(group(3));
    expect(filterOld(["paint"], bytes)).toEqual(int(6, 1));
    expect(filterOld(["paint"], bytes, { unknownFields: "keep" })).toEqual(
      join(int(4, 7), int(6, 1), int(6, 7)),
    );
  });

  test("stays in a list, for its decoder to judge", () => {
    const bytes = join(int(5, 1), int(5, 7), sized(5, "\x01\x07"));
    expect(filterOld(["colors"], bytes)).toEqual(bytes);
  });
});
