// That the schemas which the laws are tried on have every kind of field. A law says nothing about what no schema has.

import { expect, test } from "vitest";
import { hazards, mapKeys, scalars, wellKnown, wrappers } from "./schema-fields.ts";
import { makeSchemas } from "./schemas.ts";

const lines = makeSchemas("laws", 50).flatMap(({ text }) => text.split("\n").map((line) => line.trim()));
const oldLines = makeSchemas("laws", 10, "proto2").flatMap(({ text }) =>
  text.split("\n").map((line) => line.trim()),
);

/** Those of some beginnings of a line that no line has. */
const missing = (beginnings: readonly string[], from = lines): string[] =>
  beginnings.filter((beginning) => !from.some((line) => line.startsWith(beginning)));

const types = [...scalars, ...[...wrappers, ...wellKnown].map((name) => `.${name}`)];

test("the same seed gives the same schemas, another one others", () => {
  expect(makeSchemas("laws", 2)).toEqual(makeSchemas("laws", 2));
  expect(makeSchemas("laws", 1)[0]?.text).not.toBe(makeSchemas("other", 1)[0]?.text);
});

test("of every type there are singular, optional and repeated fields, and maps by every type of key", () => {
  expect(missing(types.map((type) => `${type} `))).toEqual([]);
  expect(missing(scalars.map((type) => `optional ${type} `))).toEqual([]);
  expect(missing(types.map((type) => `repeated ${type} `))).toEqual([]);
  expect(missing(mapKeys.flatMap((key) => [`map<${key}, .`, `map<${key}, `]))).toEqual([]);
});

test("every hostile name is that of some field", () => {
  const names = new Set(lines.map((line) => / (\w+) = \d+/.exec(line)?.[1]));
  expect(hazards.filter((name) => !names.has(name))).toEqual([]);
});

test("enums, messages that hold themselves, oneofs, 64-bit integers as texts and behaviors are there", () => {
  const all = lines.join("\n");
  expect(all).toMatch(/^repeated \.s\d\d\.Tone /m);
  expect(all).toMatch(/^map<\w+, \.s\d\d\.Tone> /m);
  expect(all).toMatch(/^\.s\d\d\.Root \w+ = /m);
  expect(all).toMatch(/^map<string, \.s\d\d\.Root> /m);
  expect(all).toMatch(/^oneof \w+ \{\n(?:.* = .*;\n){3,}/m);
  expect(all).toContain("jstype = JS_STRING");
  expect(all).toContain("field_behavior) = IMMUTABLE");
});

test("proto2 has required fields, defaults, and groups: one, several, in a oneof and in each other", () => {
  expect(
    missing(["required ", "optional group ", "required group ", "repeated group ", "group "], oldLines),
  ).toEqual([]);
  const all = oldLines.join("\n");
  expect(all).toMatch(/group Group\d+ = \d+ \{\n(?:.*;\n)*\w+ group /);
  const values = ["7", "-9007199254740993", "-inf", "true", "TONE_HIGH", '"a', '"\\001x"'];
  expect(values.filter((value) => !all.includes(`default = ${value}`))).toEqual([]);
});
