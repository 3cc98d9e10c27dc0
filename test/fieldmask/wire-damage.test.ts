// What filterBytes makes of bytes that are no message. Damage in a field that is dropped still is damage.

import { MalformedError } from "@fieldpost/fieldmask";
import { expect, test } from "vitest";
import { fromHex, join, sized } from "./wire-bytes.ts";
import { filter } from "./wire-schema.ts";

function errorOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

/** What is wrong, the bytes, where, and what the error says. */
const damages: readonly (readonly [string, string, number, string])[] = [
  ["a tag that is cut off", "0a0161ff", 3, "the end, inside of a tag"],
  ["a tag of more than 32 bits", "ffffffff1f00", 0, "a tag of more than 32 bits"],
  ["a tag of six bytes", "8a808080800000", 0, "a tag of more than 32 bits"],
  ["field number 0", "0a0161000a", 3, "field number 0"],
  ["field number 0 in two bytes", "8700", 0, "field number 0"],
  ["wire type 6", "0a01610e", 3, "wire type 6"],
  ["wire type 7", "0f00", 0, "wire type 7"],
  ["a varint that is missing", "10", 1, "the end, inside of a varint"],
  ["a varint that is cut off", "10ffff", 1, "the end, inside of a varint"],
  ["a varint of eleven bytes", "1080808080808080808080 00", 1, "a varint of more than 10 bytes"],
  ["32 bits that are cut off", "75000000", 0, "the end, inside of 4 bytes"],
  ["64 bits that are cut off", "31 00000000000000", 0, "the end, inside of 8 bytes"],
  ["a length that is missing", "0a0161 12", 4, "the end, inside of a varint"],
  ["a length of eleven bytes", "0a8080808080808080808000", 1, "a varint of more than 10 bytes"],
  ["a text that is cut off", "0a0161 1205616263", 4, "length 5 reaches beyond the end"],
  ["a length of 2^32", "0a8080808010", 1, "length 4294967296 reaches beyond the end"],
  ["a length of 2^63", "0a80808080808080808001", 1, `length ${2 ** 63} reaches beyond the end`],
  ["the end of no group", "0a01610c", 3, "the end of group 1, which has not started"],
  ["a group without an end", "0a0161 a306 0801", 3, "the end, inside of group 100"],
  ["a group with the end of another", "a306 ab06 ac06 9c06", 6, "the end of group 99 instead of 100"],
  ["groups that cross", "a306 ab06 a406 ac06", 4, "the end of group 100 instead of 101"],
  ["field number 0 in a group", "a306 0001 a406", 2, "field number 0"],
  ["wire type 6 in a group", "a306 0e a406", 2, "wire type 6"],
  ["a tag that is cut off in a group", "a306 ff", 2, "the end, inside of a tag"],
  ["a text that is cut off in a group", "a306 0a05 a406", 3, "length 5 reaches beyond the end"],
];

const masks = [["name"], ["count", "part"], ["nope"], ["*"]];

test.each(damages)("%s is found whatever is selected", (_, hex, offset, problem) => {
  const bytes = fromHex(hex.replaceAll(" ", ""));
  for (const paths of masks) {
    const error = errorOf(() => filter(paths, bytes));
    expect(error).toBeInstanceOf(MalformedError);
    expect(error).toMatchObject({
      name: "MalformedError",
      code: "MALFORMED",
      offset,
      message: `malformed message at byte ${offset}: ${problem}`,
    });
  }
});

test.each(damages)("%s is found in every message that the mask goes into", (_, hex, offset) => {
  const bytes = fromHex(hex.replaceAll(" ", ""));
  const inside: readonly [string, Uint8Array, number][] = [
    ["part.number", sized(3, bytes), 2],
    ["parts.*.number", join(sized(4), sized(4, bytes)), 4],
    ["labels.a", sized(8, bytes), 2],
    ["by_name.*.number", sized(9, sized(2, bytes)), 4],
    ["part.part.number", sized(3, sized(5, bytes)), 4],
  ];
  for (const [path, damaged, start] of inside) {
    // What follows does not make good what a message lacks.
    const error = errorOf(() => filter([path], join(damaged, sized(3, "\x0a\x01a"))));
    expect(error).toBeInstanceOf(MalformedError);
    expect([path, (error as MalformedError).offset]).toEqual([path, start + offset]);
  }
});

test("what is in a field that is kept or dropped whole is its decoder's business", () => {
  const bytes = sized(3, "\x0a\x05");
  expect(filter(["part"], bytes)).toEqual(bytes);
  expect(filter(["name"], bytes)).toEqual(new Uint8Array(0));
});

test("more than protobuf lets a message be is refused", () => {
  expect(errorOf(() => filter(["name"], new Uint8Array(2 ** 31)))).toMatchObject({
    code: "MALFORMED",
    message: "malformed message at byte 2147483647: a message has less than 2 GiB",
  });
});

test("pieces of one message are well-formed each, or none is", () => {
  const [first, second] = [sized(3, "\x0a\x02a"), sized(3, "a")];
  expect(errorOf(() => filter(["part.text"], join(first, second)))).toMatchObject({ offset: 3 });
});

test("every prefix of a message is one, or is refused as malformed", () => {
  const bytes = join(
    sized(1, "ab"),
    sized(3, sized(1, "c"), sized(5, sized(1, "d"))),
    fromHex("a3060801a4061005"),
  );
  const whole = new Set([0, 4, 14, 20, 22]);
  for (let length = 0; length <= bytes.length; length++) {
    const result = errorOf(() => filter(["part.part.text"], bytes.subarray(0, length)));
    expect([length, result instanceof MalformedError]).toEqual([length, !whole.has(length)]);
  }
});
