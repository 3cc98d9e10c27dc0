import {
  ALL,
  NOTHING,
  compileMask,
  includes,
  maskPaths,
  parseMask,
  validateMask,
} from "@fieldpost/fieldmask";
import { defineMask, defineMessage } from "@fieldpost/fieldmask/codegen";
import type { MessageSchema } from "@fieldpost/fieldmask/codegen";
import { expect, test } from "vitest";
import { bookSchema, readMask, updateMask } from "./library.ts";

test("an absent mask, an empty one and a star select all", () => {
  for (const paths of [undefined, [], ["*"]]) {
    const result = parseMask(readMask, paths);
    expect(result.ok && result.mask.selection).toBe(ALL);
  }
});

test("an empty mask can be told to select nothing, an absent one cannot", () => {
  expect(compileMask(readMask, [], { emptyMask: "nothing" }).selection).toBe(NOTHING);
  expect(compileMask(readMask, undefined, { emptyMask: "nothing" }).selection).toBe(ALL);
});

test("a lenient mask of unknown paths selects nothing, which is not all", () => {
  const mask = compileMask(readMask, ["nope", "also.nope", "."]);
  expect(mask.selection).toBe(NOTHING);
  expect(includes(mask, "name")).toBe(false);
});

test("a lenient mask keeps what it knows, and a star in it wins", () => {
  expect(includes(compileMask(readMask, ["nope", "name"]), "name")).toBe(true);
  expect(compileMask(readMask, ["nope", "*"]).selection).toBe(ALL);
});

test("a strict mask is refused with all of its violations", () => {
  const result = parseMask(updateMask, ["nope", "tags.*", "name"]);
  expect(result).toMatchObject({ ok: false, violations: [{ index: 0 }, { index: 1 }] });
  expect(validateMask(updateMask, ["nope", "tags.*", "name"])).toHaveLength(2);
  expect(validateMask(updateMask, ["name"])).toEqual([]);
});

test("the same paths give the same compiled mask", () => {
  const first = compileMask(readMask, ["name", "author.given_name"]);
  expect(compileMask(readMask, ["name", "author.given_name"])).toBe(first);
  expect(first.schema).toBe(bookSchema);
});

test("paths that only look alike when joined are kept apart", () => {
  const two = compileMask(readMask, ["labels.`a`", "labels.`b`"]);
  const one = compileMask(readMask, ["labels.`a`,labels.`b`"]);
  expect(includes(two, "labels.b")).toBe(true);
  expect(includes(one, "labels.b")).toBe(false);
  expect(parseMask(readMask, ["labels.`a`,labels.`b`"]).ok).toBe(false);

  expect(parseMask(readMask, ["labels.`x,y`", "labels.z"]).ok).toBe(true);
  expect(parseMask(readMask, ["labels.`x", "y`,labels.z"]).ok).toBe(false);
});

test("paths are never taken for others whose texts begin or end alike", () => {
  const { cache } = defineMask<string>(bookSchema, { profile: "read" });
  const mask = compileMask(readMask, ["name"]);
  cache.set(["jsonname"], "proto", mask, 1);
  cache.set(["name"], "both", mask, 1);
  cache.set([], "proto", mask, 1);
  expect(cache.get(["name"], "json")).toBeUndefined();
  expect(cache.get(["name"], "proto")).toBeUndefined();
  expect(cache.get([""], "proto")).toBeUndefined();
  expect(cache.get(["jsonname"], "proto")).toBe(mask);
  expect(cache.get(["name"], "both")).toBe(mask);
});

test("the cache stays small however many masks are sent", () => {
  for (let i = 0; i < 5_000; i++) parseMask(readMask, [`labels.k${i}`, "name"]);
  expect(readMask.cache.size).toBeLessThanOrEqual(256);
  const before = readMask.cache.size;
  parseMask(
    readMask,
    Array.from({ length: 33 }, (_, i) => `labels.k${i}`),
  );
  parseMask(readMask, [`labels.${"k".repeat(1_000)}`]);
  expect(readMask.cache.size).toBe(before);
});

test("a mask of few letters that needs much memory is not remembered", () => {
  const shape = { oneof: "unions", maps: "Map", long: "bigint", noBytes: new Uint8Array(0) } as const;
  const wide: MessageSchema = defineMessage("Wide", shape, () => [
    ["n", 1, wide],
    ...Array.from({ length: 99 }, (_, i) => [`f${i}`, i + 2, "string"] as const),
  ]);
  const definition = defineMask(wide, { profile: "read" });
  const deep = (levels: number): string => Array.from({ length: levels }, () => "n").join(".");
  for (const levels of [200, 41, 40]) expect(parseMask(definition, [deep(levels)]).ok).toBe(true);
  expect(definition.cache.get([deep(200)], "proto")).toBeUndefined();
  expect(definition.cache.get([deep(41)], "proto")).toBeUndefined();
  expect(definition.cache.get([deep(40)], "proto")).toBeDefined();
});

test("a mask that is asked for all the time stays in the cache while others come and go", () => {
  const hot = compileMask(readMask, ["name", "labels.hot"]);
  for (let i = 0; i < 2_000; i++) {
    parseMask(readMask, [`labels.cold${i}`]);
    expect(compileMask(readMask, ["name", "labels.hot"])).toBe(hot);
  }
});

test("null, as JSON has it, is no mask", () => {
  expect(compileMask(readMask, null as unknown as undefined)).toBe(readMask.all);
});

test.each([
  [{ paths: ["name"] }, "an object; of a FieldMask, give its paths"],
  ["name", "a text; pathsFromJson and jsonToPaths read ProtoJSON"],
  [7, "a number"],
])("%j is no list of paths, and not taken for an empty one", (paths, what) => {
  const parse = (): unknown => parseMask(readMask, paths as unknown as string[]);
  expect(parse).toThrow(new TypeError(`a mask is a list of paths, not ${what}`));
});

test("elements that are no texts are violations, and select nothing", () => {
  // oxlint-disable-next-line no-sparse-arrays -- one of the things that callers may have
  const paths = ["name", , null, 5, { toString: 1 }, ["name"]] as unknown as string[];
  const result = parseMask(readMask, paths);
  expect(!result.ok && result.violations).toEqual(
    ["undefined", "object", "number", "object", "object"].map((type, i) => ({
      index: i + 1,
      path: "",
      reason: "BAD_SYNTAX",
      description: `is no text, but ${type}`,
    })),
  );
  expect(maskPaths(compileMask(readMask, paths))).toEqual(["name"]);
  expect(compileMask(readMask, [null] as unknown as string[]).selection).toBe(NOTHING);
});
