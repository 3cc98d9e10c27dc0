// Masks come from callers that nobody vouches for. What is measured here is proportion, not speed: each limit is some
// thousand times what the work takes, and far below what a quadratic algorithm would need.

import { MAX_PATHS, MAX_SEGMENTS, compileMask, includes, parseMask, touches } from "@fieldpost/fieldmask";
import { mapPart } from "@fieldpost/fieldmask/codegen";
import type { Slots } from "@fieldpost/fieldmask/codegen";
import { expect, test } from "vitest";
import { bookSchema, readMask } from "./library.ts";

function withinSeconds<T>(seconds: number, work: () => T): T {
  const start = performance.now();
  const result = work();
  expect((performance.now() - start) / 1000).toBeLessThan(seconds);
  return result;
}

test.each([
  ["recursive", Array.from({ length: 100_000 }, () => "sequel").join(".")],
  ["in lists", Array.from({ length: 50_000 }, () => "volumes.*").join(".")],
  ["in maps", Array.from({ length: 50_000 }, () => "translations.`de`").join(".")],
  ["unknown", Array.from({ length: 100_000 }, () => "x").join(".")],
  ["of dots", ".".repeat(100_000)],
  ["of backticks", "`".repeat(100_001)],
])("a path of 100,000 segments %s is refused, and selects nothing", (_, path) => {
  withinSeconds(10, () => {
    expect(parseMask(readMask, [path])).toMatchObject({ ok: false, violations: [{ index: 0 }] });
    expect(includes(compileMask(readMask, [path, "name"]), "sequel")).toBe(false);
    expect(includes<string>(compileMask(readMask, ["*"]), path)).toBe(false);
    expect(touches<string>(compileMask(readMask, ["name"]), path)).toBe(false);
  });
});

test("the deepest path that is allowed works", () => {
  const path = [...Array.from({ length: MAX_SEGMENTS - 1 }, () => "sequel"), "name"].join(".");
  const result = parseMask(readMask, [path]);
  expect(result.ok && includes(result.mask, path)).toBe(true);
});

test("10,000 paths are taken, one more is refused", () => {
  const paths = Array.from({ length: MAX_PATHS }, (_, i) => `labels.k${i}`);
  withinSeconds(15, () => {
    expect(parseMask(readMask, paths).ok).toBe(true);
    expect(parseMask(readMask, [...paths, "name"])).toMatchObject({
      ok: false,
      violations: [{ index: MAX_PATHS, reason: "TOO_LARGE" }],
    });
  });
});

test("10,000 wrong paths give 10,000 violations and no more work", () => {
  const paths = Array.from({ length: 20_000 }, (_, i) => `displayName${i}`);
  const result = withinSeconds(15, () => parseMask(readMask, paths));
  expect(!result.ok && result.violations).toHaveLength(MAX_PATHS + 1);
});

test("paths of as many indexes as a path can have are no more work than others", () => {
  const indexes = Array.from({ length: MAX_SEGMENTS / 2 - 1 }, () => "volumes.0").join(".");
  const paths = Array.from({ length: 2_000 }, (_, i) => `${indexes}.x${i}`);
  const result = withinSeconds(3, () => parseMask(readMask, paths));
  expect(!result.ok && result.violations).toHaveLength(paths.length);
});

test("a mask that would need more memory than its bytes justify is refused, and cut off if lenient", () => {
  const deep = Array.from({ length: 100 }, () => "sequel").join(".");
  const paths = Array.from({ length: 1_000 }, (_, i) => `translations.k${i}.${deep}.name`);
  withinSeconds(15, () => {
    expect(parseMask(readMask, paths)).toMatchObject({ ok: false, violations: [{ reason: "TOO_LARGE" }] });
    const mask = compileMask(readMask, paths);
    expect(includes(mask, `translations.k0.${deep}.name`)).toBe(true);
    expect(includes(mask, `translations.k999.${deep}.name`)).toBe(false);
  });
});

test("named entries over a star do not multiply", () => {
  const names = Array.from({ length: 2_400 }, (_, i) => `k${i}`);
  const mask = compileMask(readMask, [
    ...names.map((name) => `translations.${name}.translations.x.name`),
    ...names.map((name) => `translations.*.translations.${name}.name`),
  ]);
  const book = { name: "", translations: new Map() };
  const outer = new Map(names.map((name) => [name, book]));
  const tree = mask.selection;
  if (typeof tree === "symbol") throw new Error("expected a tree");
  withinSeconds(15, () => {
    let entries = 0;
    const count = (inner: typeof book, { fields }: Slots): typeof book => {
      entries += typeof fields[12] === "object" ? 1 : 0;
      return inner;
    };
    mapPart(outer, tree.fields[12], count, bookSchema.fields.length);
    expect(entries).toBe(names.length);
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
