// The laws of sets for compiled masks, and that they select what a list of the same paths covers.

import {
  compileMask,
  coversPath,
  includes,
  intersectMasks,
  intersectPaths,
  isEmpty,
  maskPaths,
  subtractMasks,
  unionMasks,
  unionPaths,
} from "@fieldpost/fieldmask";
import type { Mask } from "@fieldpost/fieldmask";
import { defineMask, defineMessage, listOf, mapOf } from "@fieldpost/fieldmask/codegen";
import type { MessageSchema } from "@fieldpost/fieldmask/codegen";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { runs } from "./library.ts";

const shape = { oneof: "unions", maps: "Map", long: "bigint", noBytes: new Uint8Array(0) } as const;
const partSchema: MessageSchema = defineMessage("law.Part", shape, () => [
  ["x", 1, "string"],
  ["y", 2, listOf("string")],
]);
const nodeSchema: MessageSchema = defineMessage("law.Node", shape, () => [
  ["part", 1, partSchema],
  ["parts", 2, listOf(partSchema)],
  ["by_key", 3, mapOf("string", partSchema)],
  ["texts", 4, mapOf("string", "string")],
  ["node", 5, nodeSchema],
  ["nodes", 6, mapOf("string", nodeSchema)],
]);
const definition = defineMask<string>(nodeSchema, { profile: "read" });

// Masks name the keys k and l; `other` stands for the rest. They go two nodes deep, and these paths one deeper.
const keys = ["*", "k", "l", "other"];
const below = (prefix: string, names: readonly string[]): string[] => names.map((name) => prefix + name);
const leavesOf = (prefix: string, depth: number): string[] => [
  ...below(`${prefix}part.`, ["x", "y"]),
  ...below(`${prefix}parts.*.`, ["x", "y"]),
  ...keys.flatMap((key) => below(`${prefix}by_key.${key}.`, ["x", "y"])),
  ...below(`${prefix}texts.`, keys),
  ...(depth === 0 ? [] : leavesOf(`${prefix}node.`, depth - 1)),
  ...(depth === 0 ? [] : keys.flatMap((key) => leavesOf(`${prefix}nodes.${key}.`, depth - 1))),
];
const leaves = leavesOf("", 2);

const named = keys.slice(0, 3);
const pathsOf = (prefix: string, depth: number): string[] => [
  ...below(prefix, ["part", "part.x", "part.y", "parts", "parts.*.x", "parts.y", "by_key", "texts"]),
  ...named.flatMap((key) =>
    below(prefix, [`by_key.${key}`, `by_key.${key}.x`, `texts.${key}`, `nodes.${key}`]),
  ),
  ...below(prefix, ["node", "nodes", "part.nope", "by_key.k.nope"]),
  ...(depth === 0 ? [] : pathsOf(`${prefix}node.`, depth - 1)),
  ...(depth === 0 ? [] : named.flatMap((key) => pathsOf(`${prefix}nodes.${key}.`, depth - 1))),
];
const path = fc.constantFrom("*", "nope", ...pathsOf("", 0), ...pathsOf("", 0), ...pathsOf("", 1));
const mask = fc
  .array(path, { maxLength: 8 })
  .map((paths) => compileMask(definition, paths, { emptyMask: "nothing" }));

/** What of the leaves a mask selects: two masks with the same leaves select the same. */
const selected = (mask: Mask): string[] => leaves.filter((leaf) => includes<string>(mask, leaf));

test("a union selects what one of the masks does, an intersection what both do", () => {
  fc.assert(
    fc.property(mask, mask, (a, b) => {
      const [inA, inB] = [new Set(selected(a)), new Set(selected(b))];
      const both = selected(intersectMasks(a, b));
      expect(selected(unionMasks(a, b))).toEqual(leaves.filter((leaf) => inA.has(leaf) || inB.has(leaf)));
      expect(both).toEqual(leaves.filter((leaf) => inA.has(leaf) && inB.has(leaf)));
    }),
    runs,
  );
});

test("the paths of a union and of an intersection are those of the lists of paths", () => {
  fc.assert(
    fc.property(mask, mask, (a, b) => {
      expect(maskPaths(unionMasks(a, b))).toEqual(unionPaths(maskPaths(a), maskPaths(b)));
      expect(maskPaths(intersectMasks(a, b))).toEqual(intersectPaths(maskPaths(a), maskPaths(b)));
    }),
    runs,
  );
});

test("a mask includes what its paths cover", () => {
  fc.assert(
    fc.property(mask, fc.constantFrom("part", "parts", "node.texts", "nodes.k", ...leaves), (mask, path) => {
      expect(includes<string>(mask, path)).toBe(coversPath(maskPaths(mask), path));
    }),
    runs,
  );
});

test("union and intersection are idempotent, commutative, associative, absorb each other and distribute", () => {
  fc.assert(
    fc.property(mask, mask, mask, (a, b, c) => {
      expect(maskPaths(unionMasks(a, a))).toEqual(maskPaths(a));
      expect(maskPaths(intersectMasks(a, a))).toEqual(maskPaths(a));
      expect(maskPaths(unionMasks(a, b))).toEqual(maskPaths(unionMasks(b, a)));
      expect(maskPaths(intersectMasks(a, b))).toEqual(maskPaths(intersectMasks(b, a)));
      expect(maskPaths(unionMasks(unionMasks(a, b), c))).toEqual(maskPaths(unionMasks(a, unionMasks(b, c))));
      expect(maskPaths(intersectMasks(intersectMasks(a, b), c))).toEqual(
        maskPaths(intersectMasks(a, intersectMasks(b, c))),
      );
      expect(maskPaths(unionMasks(a, intersectMasks(a, b)))).toEqual(maskPaths(a));
      expect(maskPaths(intersectMasks(a, unionMasks(a, b)))).toEqual(maskPaths(a));
      expect(maskPaths(intersectMasks(a, unionMasks(b, c)))).toEqual(
        maskPaths(unionMasks(intersectMasks(a, b), intersectMasks(a, c))),
      );
    }),
    runs,
  );
});

/** A leaf of all entries that stays while that of one goes: no mask says that. */
function hasHole(a: Mask, b: Mask): boolean {
  return leaves.some((leaf) => {
    if (!includes<string>(b, leaf)) return false;
    const segments = leaf.split(".");
    return segments.some((segment, i) => {
      if (segment !== "k" && segment !== "l") return false;
      const ofAll = segments.with(i, "*").join(".");
      return includes<string>(a, ofAll) && !includes<string>(b, ofAll);
    });
  });
}

test("a difference has nothing of what was taken away, and with what both have it is the first mask again", () => {
  let tried = 0;
  fc.assert(
    fc.property(mask, mask, (a, b) => {
      if (hasHole(a, b)) {
        expect(() => subtractMasks(a, b)).toThrow(RangeError);
        return;
      }
      const rest = subtractMasks(a, b);
      const common = intersectMasks(a, b);
      expect(isEmpty(intersectMasks(rest, b))).toBe(true);
      expect(selected(unionMasks(rest, common))).toEqual(selected(a));
      expect(isEmpty(intersectMasks(rest, common))).toBe(true);
      if (!isEmpty(common) && !isEmpty(rest)) tried++;
    }),
    runs,
  );
  expect(tried).toBeGreaterThan(runs.numRuns / 20);
});

test("what comes out empty selects nothing at all", () => {
  fc.assert(
    fc.property(mask, mask, (a, b) => {
      const results = [intersectMasks(a, b), subtractMasks(a, a), subtractMasks(a, unionMasks(a, b))];
      for (const result of results) {
        if (selected(result).length === 0) expect(maskPaths(result)).toEqual([]);
      }
      expect(selected(subtractMasks(a, a))).toEqual([]);
      expect(isEmpty(subtractMasks(a, unionMasks(a, b)))).toBe(true);
    }),
    runs,
  );
});
