import {
  MAX_PATHS,
  MAX_STEPS,
  compileMask,
  coversPath,
  includes,
  intersectPaths,
  normalizePaths,
  unionPaths,
} from "@fieldpost/fieldmask";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { expectInProportion } from "../support/growth.ts";
import { readMask, runs } from "./library.ts";

test.each<[string, string[], string[]]>([
  ["nothing stays nothing", [], []],
  ["an empty string is no path", ["", "a", ""], ["a"]],
  ["sorted, once each", ["b", "a", "b"], ["a", "b"]],
  ["a parent covers its children, wherever it stands", ["a.b", "a.b.c", "c.d", "a"], ["a", "c.d"]],
  ["a name that only begins alike is no child", ["a", "ab", "a_b.c"], ["a", "a_b.c", "ab"]],
  [
    "upper case before lower case, digits as text",
    ["b", "A", "f2", "a", "f10"],
    ["A", "a", "b", "f10", "f2"],
  ],
  ["segment by segment", ["a_.b", "a.z", "a.b", "a0"], ["a.b", "a.z", "a0", "a_.b"]],
  ["a star covers all", ["a", "*", "b.c"], ["*"]],
  ["a star at the end is its parent", ["r.*", "m.k.*"], ["m.k", "r"]],
  ["a star at the end covers its children", ["m.k.f", "m.*"], ["m"]],
  [
    "backticks only where they are needed",
    ["m.`k`", "m.`k`.f", "m.`a.b`", "m.`-3`"],
    ["m.-3", "m.`a.b`", "m.k"],
  ],
  [
    "a key that must stand between backticks",
    ["m.app-name", "m.``", "m.`1a`"],
    ["m.``", "m.`1a`", "m.`app-name`"],
  ],
  ["of every entry covers of one entry", ["m.k.f", "m.*.f", "m.k.g", "m.`*`.f"], ["m.*.f", "m.k.g"]],
  ["one entry does not cover every entry", ["m.k", "m.*.f"], ["m.*.f", "m.k"]],
  ["a key that is a star is one key", ["m.`*`", "m.k", "m.*.f"], ["m.*.f", "m.`*`", "m.k"]],
  ["keys before a star come before it", ["m.*.f", "m.`!`", "m.`+`"], ["m.`!`", "m.*.f", "m.`+`"]],
  [
    "stars at several places",
    ["m.*.f.*.g", "m.k.f.l.g", "m.*.f.l.g", "m.k.f.*.g", "m.k.f.*.h", "m.k.f.l.h"],
    ["m.*.f.*.g", "m.k.f.*.h"],
  ],
  ["r.f is not r.*.f without a schema", ["r.f", "r.*.f"], ["r.*.f", "r.f"]],
])("canonical form: %s", (_, paths, canonical) => {
  const before = structuredClone(paths);
  expect(normalizePaths(paths)).toEqual(canonical);
  expect(normalizePaths(canonical)).toEqual(canonical);
  expect(paths).toEqual(before);
});

test("texts are ordered by code points, as their UTF-8 bytes are", () => {
  const keys = ["m.`\u{1F600}`", "m.`\uFFFD`", "m.`\uE000`", "m.`é`", "m.z", "m.`zz `"];
  expect(normalizePaths(keys)).toEqual([
    "m.z",
    "m.`zz `",
    "m.`é`",
    "m.`\uE000`",
    "m.`\uFFFD`",
    "m.`\u{1F600}`",
  ]);
});

const noPaths = [
  "a..b",
  ".",
  "a.",
  "a.`b",
  "a,b",
  "*.a",
  "*.*",
  "*.*.*",
  "m.*.*",
  "m.*.`k`",
  "`a`",
  "0.a",
  "m.`k`.*",
];

test.each(noPaths)("%s is no path: it stays as it is, and covers nothing else", (path) => {
  expect(normalizePaths([path, path])).toEqual([path]);
  expect(normalizePaths([path, "m"])).toEqual([path, "m"].toSorted());
  expect(intersectPaths([path], ["a", "m", "k"])).toEqual([]);
  expect(intersectPaths([path, "a"], ["*"])).toEqual([path, "a"].toSorted());
  for (const asked of [path, "a", "a.b", "m", "m.k", "*"]) expect(coversPath([path], asked)).toBe(false);
  expect(coversPath(undefined, path)).toBe(false);
  expect(includes(compileMask(readMask, normalizePaths([path])), "name")).toBe(false);
});

test("a path of 100,000 segments is no path, and overflows nothing", () => {
  const path = Array.from({ length: 100_000 }, () => "a").join(".");
  expect(normalizePaths([path, "b"])).toEqual([path, "b"]);
  expect(intersectPaths([path], ["a"])).toEqual([]);
  expect(coversPath(["a"], path)).toBe(false);
});

test("the deepest path that is allowed works", () => {
  const path = Array.from({ length: 128 }, () => "m.*").join(".");
  const parent = path.slice(0, -2);
  expect(normalizePaths([path, parent])).toEqual([parent]);
  expect(coversPath([parent], path)).toBe(true);
});

test("the union of sets is the canonical form of all", () => {
  expect(unionPaths()).toEqual([]);
  expect(unionPaths([], [])).toEqual([]);
  expect(unionPaths(["name", "c.email"], ["c.email", "roles"], ["c"])).toEqual(["c", "name", "roles"]);
  expect(unionPaths(["m.k.f"], ["m.*.f"])).toEqual(["m.*.f"]);
  expect(unionPaths(["*"], ["name"])).toEqual(["*"]);
});

test.each<[string[], string[], string[]]>([
  [["name"], [], []],
  [["name"], ["name"], ["name"]],
  [["name", "items"], ["contact", "roles"], []],
  [["name"], ["name_suffix"], []],
  [["c.address.city", "roles"], ["c.address", "name"], ["c.address.city"]],
  [["*"], ["b", "a.c"], ["a.c", "b"]],
  [["*"], ["*"], ["*"]],
  [["m.*.f"], ["m.k"], ["m.k.f"]],
  [["m.*.f"], ["m.k.f.x", "m.l.g"], ["m.k.f.x"]],
  [
    ["m.*.f", "m.*.g"],
    ["m.k", "m.l.g", "m.`*`.f"],
    ["m.`*`.f", "m.k.f", "m.k.g", "m.l.g"],
  ],
  [
    ["m.*.f", "m.k.g"],
    ["m.*.g", "m.k.f"],
    ["m.k.f", "m.k.g"],
  ],
  [["m.*.f.l.g"], ["m.k.f.*.g"], ["m.k.f.l.g"]],
  [["m.*.f.x"], ["m.*.f"], ["m.*.f.x"]],
  [["m.*"], ["m.k.f"], ["m.k.f"]],
  [["m.k.f.x", "m.*.f.y"], ["m.k"], ["m.k.f.x", "m.k.f.y"]],
  [["m.k.f.*.x", "m.*.f.*.y"], ["m.k"], ["m.k.f.*.x", "m.k.f.*.y"]],
  [["m.`k`"], ["m.k"], ["m.k"]],
])("%j and %j have in common %j", (a, b, common) => {
  expect(intersectPaths(a, b)).toEqual(common);
  expect(intersectPaths(b, a)).toEqual(common);
  expect(intersectPaths(a, b, a, b)).toEqual(common);
});

test.each<[string[] | undefined, string, boolean]>([
  [undefined, "name", true],
  [undefined, "*", true],
  [undefined, "", false],
  [[], "name", false],
  [[], "*", false],
  [["contact"], "", false],
  [[""], "", false],
  [[""], "name", false],
  [["contact.email"], "contact.email", true],
  [["contact.email"], "contact", false],
  [["contact"], "contact.email", true],
  [["contact"], "contacts", false],
  [["*"], "a.b", true],
  [["*"], "*", true],
  [["name"], "*", false],
  [["r.*"], "r", true],
  [["r"], "r.*", true],
  [["r.*.f"], "r.*.f", true],
  [["m.*.f"], "m.k.f", true],
  [["m.*.f"], "m.k.f.g", true],
  [["m.*.f"], "m.`*`.f", true],
  [["m.k.f"], "m.*.f", false],
  [["m.`*`.f"], "m.*.f", false],
  [["m.`k`"], "m.k", true],
  [["a", "b"], "b.c", true],
])("%j covers %s: %s", (paths, path, covered) => {
  expect(coversPath(paths, path)).toBe(covered);
});

test("as many paths as a mask may have are no problem", () => {
  const some = Array.from({ length: MAX_PATHS }, (_, i) => `labels.k${i}.a.b`);
  expect(normalizePaths(some)).toHaveLength(MAX_PATHS);
  expect(intersectPaths(some, some.toReversed())).toEqual(normalizePaths(some));
});

const numbered = (count: number, path: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => path(i));
const starsAndKeys = (count: number): string[] =>
  numbered(count, (pattern) => {
    const segments = numbered(12, (bit) => `f.${(pattern >> bit) % 2 === 0 ? "*" : "k"}`);
    return `${segments.join(".")}.x${pattern}.*.z`;
  });
const onlyKeys = (count: number): string[] => numbered(count, (i) => `${"f.k.".repeat(12)}x.y${i}.z`);

test.each<[string, number, (count: number) => string[][]]>([
  ["stars at many places", 36_000, (count) => [[...starsAndKeys(0.45 * count), ...onlyKeys(0.55 * count)]]],
  ["stars at many places, twice", 16_384, (count) => [starsAndKeys(count), starsAndKeys(count)]],
  [
    "paths that have the square of their number in common",
    8_000,
    (count) => [numbered(count, (i) => `m.*.f${i}`), numbered(count, (i) => `m.k${i}`)],
  ],
  ["more paths than any mask may have", 4 * MAX_STEPS, (count) => [numbered(count, (i) => `a${i}`)]],
])(
  "%s: what takes more work than its bytes justify is refused, whatever more there is",
  (_, most, listsOf) => {
    expectInProportion(most, (count) => {
      const [one = [], other] = listsOf(count);
      const work = () => (other === undefined ? normalizePaths(one) : intersectPaths(one, other));
      return () => expect(work).toThrow(new RangeError("these paths are too many to be compared"));
    });
  },
);

const segment = fc.constantFrom("a", "b", "`a`", "`*`", "`x.y`", "*", "", "-1");
const anyPath = fc.oneof(
  { weight: 9, arbitrary: fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(".")) },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom("a", ".", "`", "*", ","), maxLength: 6 }) },
);
const validPath = anyPath.filter((path) => coversPath(undefined, path));
const set = fc.array(anyPath, { maxLength: 8 });

test("canonical form keeps what is covered, holds nothing twice, and is the same in any order", () => {
  fc.assert(
    fc.property(set, validPath, (paths, asked) => {
      const canonical = normalizePaths(paths);
      expect(coversPath(canonical, asked)).toBe(coversPath(paths, asked));
      expect(normalizePaths(canonical)).toEqual(canonical);
      expect(normalizePaths(paths.toReversed())).toEqual(canonical);
      for (const path of canonical) {
        expect(
          coversPath(
            canonical.filter((other) => other !== path),
            path,
          ),
        ).toBe(false);
      }
    }),
    runs,
  );
});

test("a union covers what one of the sets covers, an intersection what both cover", () => {
  fc.assert(
    fc.property(set, set, validPath, (a, b, asked) => {
      expect(coversPath(unionPaths(a, b), asked)).toBe(coversPath(a, asked) || coversPath(b, asked));
      expect(coversPath(intersectPaths(a, b), asked)).toBe(coversPath(a, asked) && coversPath(b, asked));
    }),
    runs,
  );
});

test("the laws of sets hold, path for path", () => {
  fc.assert(
    fc.property(set, set, set, (a, b, c) => {
      expect(unionPaths(a, a)).toEqual(normalizePaths(a));
      expect(intersectPaths(a, a)).toEqual(normalizePaths(a));
      expect(unionPaths(a, b)).toEqual(unionPaths(b, a));
      expect(intersectPaths(a, b)).toEqual(intersectPaths(b, a));
      expect(unionPaths(unionPaths(a, b), c)).toEqual(unionPaths(a, unionPaths(b, c)));
      expect(intersectPaths(intersectPaths(a, b), c)).toEqual(intersectPaths(a, intersectPaths(b, c)));
      expect(unionPaths(a, intersectPaths(a, b))).toEqual(normalizePaths(a));
      expect(intersectPaths(a, unionPaths(a, b))).toEqual(normalizePaths(a));
      expect(intersectPaths(a, unionPaths(b, c))).toEqual(
        unionPaths(intersectPaths(a, b), intersectPaths(a, c)),
      );
      expect(intersectPaths(a, ["*"])).toEqual(normalizePaths(a));
      expect(intersectPaths(a, [])).toEqual([]);
    }),
    runs,
  );
});
