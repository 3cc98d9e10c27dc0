// Masks come from callers that nobody vouches for: the work grows with what they send, not with its square.

import { MAX_PATHS, MAX_SEGMENTS, compileMask, includes, parseMask, touches } from "@fieldpost/fieldmask";
import { mapPart } from "@fieldpost/fieldmask/codegen";
import type { Slots } from "@fieldpost/fieldmask/codegen";
import { expect, test } from "vitest";
import { expectInProportion } from "../support/growth.ts";
import { bookSchema, readMask } from "./library.ts";

test("work that grows with the square is found by these tests", () => {
  const square = (count: number) => () => {
    let sum = 0;
    for (let i = 0; i < count; i++) for (let j = 0; j < count; j++) sum = (sum + i * j) | 0;
    return sum;
  };
  expect(() => expectInProportion(4_000, square)).toThrow("less than");
});

const repeated = (count: number, segment: string): string =>
  Array.from({ length: count }, () => segment).join(".");

test.each<[string, (count: number) => string]>([
  ["recursive", (count) => repeated(count, "sequel")],
  ["in lists", (count) => repeated(count / 2, "volumes.*")],
  ["in maps", (count) => repeated(count / 2, "translations.`de`")],
  ["unknown", (count) => repeated(count, "x")],
  ["of dots", (count) => ".".repeat(count)],
  ["of backticks", (count) => "`".repeat(count + 1)],
])("a path of 100,000 segments %s is refused, and selects nothing", (_, pathOf) => {
  expectInProportion(100_000, (count) => {
    const path = pathOf(count);
    return () => {
      expect(parseMask(readMask, [path])).toMatchObject({ ok: false, violations: [{ index: 0 }] });
      expect(includes(compileMask(readMask, [path, "name"]), "sequel")).toBe(false);
      expect(includes<string>(compileMask(readMask, ["*"]), path)).toBe(false);
      expect(touches<string>(compileMask(readMask, ["name"]), path)).toBe(false);
    };
  });
});

/** Parses so many paths. */
const parseMany = (count: number, pathOf: (i: number) => string) =>
  expectInProportion(count, (some) => {
    const paths = Array.from({ length: some }, (_, i) => pathOf(i));
    return () => parseMask(readMask, paths);
  });

test("the deepest path that is allowed works", () => {
  const path = `${repeated(MAX_SEGMENTS - 1, "sequel")}.name`;
  const result = parseMask(readMask, [path]);
  expect(result.ok && includes(result.mask, path)).toBe(true);
});

test("10,000 paths are taken, one more is refused", () => {
  const pathOf = (i: number): string => `labels.k${i}`;
  expect(parseMany(MAX_PATHS, pathOf).ok).toBe(true);
  const paths = Array.from({ length: MAX_PATHS + 1 }, (_, i) => pathOf(i));
  expect(parseMask(readMask, paths)).toMatchObject({
    ok: false,
    violations: [{ index: MAX_PATHS, reason: "TOO_LARGE" }],
  });
});

test("10,000 wrong paths give 10,000 violations and no more work", () => {
  const result = parseMany(2 * MAX_PATHS, (i) => `displayName${i}`);
  expect(!result.ok && result.violations).toHaveLength(MAX_PATHS + 1);
});

test("paths of as many indexes as a path can have are no more work than others", () => {
  const indexes = repeated(MAX_SEGMENTS / 2 - 1, "volumes.0");
  const result = parseMany(2_000, (i) => `${indexes}.x${i}`);
  expect(!result.ok && result.violations).toHaveLength(2_000);
});

test("a mask that would need more memory than its bytes justify is refused, and cut off if lenient", () => {
  const deep = repeated(100, "sequel");
  const mask = expectInProportion(2_000, (count) => {
    const paths = Array.from({ length: count }, (_, i) => `translations.k${i}.${deep}.name`);
    return () => {
      expect(parseMask(readMask, paths)).toMatchObject({ ok: false, violations: [{ reason: "TOO_LARGE" }] });
      return compileMask(readMask, paths);
    };
  });
  expect(includes(mask, `translations.k0.${deep}.name`)).toBe(true);
  expect(includes(mask, `translations.k1999.${deep}.name`)).toBe(false);
});

test("named entries over a star do not multiply", () => {
  expectInProportion(2_400, (size) => {
    const names = Array.from({ length: size }, (_, i) => `k${i}`);
    const mask = compileMask(readMask, [
      ...names.map((name) => `translations.${name}.translations.x.name`),
      ...names.map((name) => `translations.*.translations.${name}.name`),
    ]);
    const book = { name: "", translations: new Map() };
    const outer = new Map(names.map((name) => [name, book]));
    const tree = mask.selection;
    if (typeof tree === "symbol") throw new Error("expected a tree");
    return () => {
      let entries = 0;
      const count = (inner: typeof book, { fields }: Slots): typeof book => {
        entries += typeof fields[12] === "object" ? 1 : 0;
        return inner;
      };
      mapPart(outer, tree.fields[12], count, bookSchema.fields.length);
      expect(entries).toBe(names.length);
    };
  });
});

test("names of Object.prototype are names like any other, and pollute nothing", () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  const paths = [
    "__proto__",
    "constructor",
    "labels.__proto__",
    "labels.constructor",
    "toString",
    "author.valueOf",
  ];
  const mask = compileMask(readMask, [...paths, "__proto__.polluted", "constructor.prototype.polluted"]);

  expect(includes(mask, "__proto__")).toBe(true);
  expect(includes(mask, "constructor")).toBe(true);
  expect(includes(mask, "labels.__proto__")).toBe(true);
  expect(includes(mask, "toString")).toBe(false);
  expect(includes(mask, "author.valueOf")).toBe(false);
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});
