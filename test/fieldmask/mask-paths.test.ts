import {
  ALL,
  NOTHING,
  compileMask,
  intersectMasks,
  isEmpty,
  maskPaths,
  unionMasks,
} from "@fieldpost/fieldmask";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { maskOf, readMask, runs } from "./library.ts";

test.each<[string[], string[]]>([
  [[], []],
  [["*"], ["*"]],
  [["name", "*"], ["*"]],
  [
    ["name", "author.given_name", "author"],
    ["author", "name"],
  ],
  [["co_authors.given_name"], ["co_authors.*.given_name"]],
  [["co_authors.*"], ["co_authors"]],
  [
    ["tags.*", "labels.*"],
    ["labels", "tags"],
  ],
  [
    ["labels.`env`", "labels.`a.b`", "labels.`*`"],
    ["labels.`*`", "labels.`a.b`", "labels.env"],
  ],
  [
    ["pages.-3", "positions.7.family_name"],
    ["pages.-3", "positions.7.family_name"],
  ],
  [
    ["reviewers.ada.given_name", "reviewers.*.given_name", "reviewers.ada.family_name"],
    ["reviewers.*.given_name", "reviewers.ada.family_name"],
  ],
  [
    ["reviewers.ada", "reviewers.*.given_name"],
    ["reviewers.*.given_name", "reviewers.ada"],
  ],
  [["volumes.volumes.sequel.name"], ["volumes.*.volumes.*.sequel.name"]],
  [
    ["__proto__", "constructor", "labels.__proto__"],
    ["__proto__", "constructor", "labels.__proto__"],
  ],
  [["nope", "author.nope", "name.x", "pages.x", "", "a..b"], []],
])("the paths of a mask of %j are %j", (paths, canonical) => {
  expect(maskPaths(maskOf(...paths))).toEqual(canonical);
});

test("masks that were joined have the paths of one", () => {
  const masks = ["translations.de.name", "translations.*.tags", "translations.de", "translations.fr.tags"];
  expect(maskPaths(unionMasks(maskOf("name"), ...masks.map((path) => maskOf(path))))).toEqual([
    "name",
    "translations.*.tags",
    "translations.de",
  ]);
});

test("a mask is empty if it selects no field, whatever it names on the way", () => {
  expect(isEmpty({ schema: readMask.schema, selection: NOTHING })).toBe(true);
  expect(isEmpty({ schema: readMask.schema, selection: ALL })).toBe(false);
  expect(isEmpty(maskOf("author.nope"))).toBe(true);
  expect(isEmpty(maskOf("reviewers.ada.nope", "translations.*.author.nope", "volumes.nope"))).toBe(true);
  expect(isEmpty(maskOf("reviewers.ada.nope", "labels.env"))).toBe(false);
});

test("a mask with more paths than its bytes justify has no list of them", () => {
  const names = Array.from({ length: 2_000 }, (_, i) => `k${i}`);
  const all = maskOf(...names.map((name) => `translations.*.labels.${name}`));
  const some = maskOf(...names.map((name) => `translations.${name}`));
  expect(() => maskPaths(intersectMasks(all, some))).toThrow(new RangeError("the mask has too many paths"));
});

const segment = fc.constantFrom(
  "name",
  "author",
  "given_name",
  "translations",
  "volumes",
  "labels",
  "*",
  "de",
);
const paths = fc.array(
  fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(".")),
  { minLength: 1, maxLength: 8 },
);

test("the paths of a mask give the same mask again", () => {
  fc.assert(
    fc.property(paths, (paths) => {
      const mask = compileMask(readMask, paths);
      fc.pre(!isEmpty(mask));
      const canonical = maskPaths(mask);
      expect(maskPaths(compileMask(readMask, canonical))).toEqual(canonical);
    }),
    runs,
  );
});
