import { FieldMaskJsonError, pathsFromJson, pathsToJson } from "@fieldpost/fieldmask";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { runs } from "./library.ts";

test.each<[string[], string]>([
  [[], ""],
  [["foo", "bar_baz"], "foo,barBaz"],
  [["foo.bar_baz.qux_a_b"], "foo.barBaz.quxAB"],
  [["foo3_bar"], "foo3Bar"],
  [["_foo"], "Foo"],
  [["*"], "*"],
  [["items.*.unit_price"], "items.*.unitPrice"],
  [["notes.-3.text"], "notes.-3.text"],
  [["labels.app-name"], "labels.app-name"],
  [["labels.`My_Key.x`.a_b"], "labels.`My_Key.x`.aB"],
  [["constructor", "to_string"], "constructor,toString"],
])("%j is %j in JSON, both ways", (paths, json) => {
  expect(pathsToJson(paths)).toBe(json);
  expect(pathsFromJson(json)).toEqual(paths);
});

const caught = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

test.each([
  ["foo_3_bar", `has "foo_3_bar", which would not come back from lowerCamelCase as it is`],
  ["foo__bar", `has "foo__bar", which would not come back from lowerCamelCase as it is`],
  ["fooBar", `has "fooBar", which would not come back from lowerCamelCase as it is`],
  ["Foo", `has "Foo", which would not come back from lowerCamelCase as it is`],
  ["foo_", `has "foo_", which would not come back from lowerCamelCase as it is`],
  ["foo_Bar", `has "foo_Bar", which would not come back from lowerCamelCase as it is`],
  ["__proto__", `has "__proto__", which would not come back from lowerCamelCase as it is`],
  ["address_1", `has "address_1", which would not come back from lowerCamelCase as it is`],
  ["labels.My", `has "My", which would not come back from lowerCamelCase as it is`],
  ["b,c", "has a comma, which would make it two paths in JSON"],
  ["labels.`x,name,y`", "has a comma, which would make it two paths in JSON"],
  ["", "is empty"],
  ["a..b", "has an empty segment"],
  ["a.`b", "has a backtick that is not closed"],
])("%j would not come back from JSON, and is not written", (path, rule) => {
  const error = caught(() => pathsToJson(["a", path]));
  expect(error).toBeInstanceOf(FieldMaskJsonError);
  expect(error).toMatchObject({
    name: "FieldMaskJsonError",
    code: "IRREVERSIBLE",
    path,
    message: `the path ${JSON.stringify(path)} ${rule}`,
  });
});

test.each<[unknown, string | undefined, string]>([
  ["foo,bar_bar", "bar_bar", `the path "bar_bar" has a "_" in "bar_bar"; JSON has lowerCamelCase`],
  ["fooBar_", "fooBar_", `the path "fooBar_" has a "_" in "fooBar_"; JSON has lowerCamelCase`],
  ["a..b", "a..b", `the path "a..b" has an empty segment`],
  ["a,b.,c", "b.", `the path "b." has an empty segment`],
  ["labels.`a,b`", "labels.`a", 'the path "labels.`a" has a backtick that is not closed'],
  [{ paths: ["a"] }, undefined, "a field mask in JSON is a string, not of type object"],
  [["a"], undefined, "a field mask in JSON is a string, not an array"],
  [null, undefined, "a field mask in JSON is a string, not null"],
  [undefined, undefined, "a field mask in JSON is a string, not of type undefined"],
  [7, undefined, "a field mask in JSON is a string, not of type number"],
])("%j is no mask in JSON", (json, path, message) => {
  const error = caught(() => pathsFromJson(json));
  expect(error).toBeInstanceOf(FieldMaskJsonError);
  expect(error).toMatchObject({ code: "INVALID_JSON_MASK", path, message });
});

test("nothing between commas is no path", () => {
  expect(pathsFromJson("a,")).toEqual(["a"]);
  expect(pathsFromJson(",a,,b")).toEqual(["a", "b"]);
  expect(pathsFromJson(",")).toEqual([]);
});

test("a path of 100,000 segments is refused both ways, in few words", () => {
  const path = Array.from({ length: 100_000 }, () => "a").join(".");
  for (const work of [() => pathsToJson([path]), () => pathsFromJson(path)]) {
    const error = caught(work);
    expect(error).toBeInstanceOf(FieldMaskJsonError);
    expect((error as Error).message.length).toBeLessThan(200);
  }
});

const anyPath = fc
  .array(fc.string({ unit: fc.constantFrom("a", "b", "B", "_", "1", "`", ",", "*"), maxLength: 5 }), {
    minLength: 1,
    maxLength: 3,
  })
  .map((segments) => segments.join("."));

test("what is written comes back the same", () => {
  let written = 0;
  fc.assert(
    fc.property(fc.array(anyPath, { maxLength: 3 }), (paths) => {
      let json;
      try {
        json = pathsToJson(paths);
      } catch (error) {
        expect(error).toMatchObject({ code: "IRREVERSIBLE" });
        return;
      }
      written++;
      expect(pathsFromJson(json)).toEqual(paths);
    }),
    { numRuns: 10 * runs.numRuns },
  );
  expect(written).toBeGreaterThan(runs.numRuns / 10);
});
