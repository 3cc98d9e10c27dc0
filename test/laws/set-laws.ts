// What holds of union, intersection and difference: masks are sets of leaves.

import assert from "node:assert/strict";
import type { Mask } from "@fieldpost/fieldmask";
import {
  coversPath,
  includes,
  intersectMasks,
  intersectPaths,
  isEmpty,
  maskPaths,
  normalizePaths,
  subtractMasks,
  unionMasks,
  unionPaths,
} from "@fieldpost/fieldmask";
import * as fc from "fast-check";
import { without } from "./compare.ts";
import type { Given, Law, Side } from "./law.ts";
import { expectLeaves, law } from "./law.ts";

/** Two masks of one message, and three. */
const two = ({ pathPair }: Given) => pathPair;
const three = ({ pathPair, readPaths }: Given) => fc.tuple(pathPair, readPaths);

function expectSameMask(actual: Mask, expected: Mask, about: string): void {
  assert.deepEqual(maskPaths(actual), maskPaths(expected), about);
}

/** Or undefined where no paths can say it: a map without one of its keys. */
function difference(a: Mask, b: Mask): Mask | undefined {
  try {
    return subtractMasks(a, b);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function leavesBy(side: Side, message: object, mask: Mask): Set<string> {
  return side.leaves(side.filter(message, mask));
}

export const setLaws: readonly Law[] = [
  law(
    "a union keeps what one of the masks does, an intersection what both do, a difference what only the first does",
    ({ message, pathPair }) => fc.tuple(message, pathPair),
    (side, [x, [first, second]]) => {
      const message = side.load(x);
      const [a, b] = [side.mask("read", first), side.mask("read", second)];
      const [inA, inB] = [leavesBy(side, message, a), leavesBy(side, message, b)];
      const onlyA = without(inA, inB);
      expectLeaves(
        leavesBy(side, message, unionMasks(a, b)),
        new Set([...inA, ...inB]),
        `${side.name}, union`,
      );
      expectLeaves(
        leavesBy(side, message, intersectMasks(a, b)),
        without(inA, onlyA),
        `${side.name}, intersection`,
      );
      const rest = difference(a, b);
      if (rest !== undefined) expectLeaves(leavesBy(side, message, rest), onlyA, `${side.name}, difference`);
    },
  ),
  law(
    "union and intersection are idempotent, commutative, associative, absorb each other and distribute",
    three,
    (side, [pair, third]) => {
      const [a, b, c] = [...pair, third].map((given) => side.mask("read", given)) as [Mask, Mask, Mask];
      const same = (actual: Mask, expected: Mask, what: string): void =>
        expectSameMask(actual, expected, `${side.name}, ${what}`);
      same(unionMasks(a, a), a, "a ∪ a");
      same(intersectMasks(a, a), a, "a ∩ a");
      same(unionMasks(a, b), unionMasks(b, a), "a ∪ b");
      same(intersectMasks(a, b), intersectMasks(b, a), "a ∩ b");
      same(unionMasks(unionMasks(a, b), c), unionMasks(a, unionMasks(b, c)), "(a ∪ b) ∪ c");
      same(intersectMasks(intersectMasks(a, b), c), intersectMasks(a, intersectMasks(b, c)), "(a ∩ b) ∩ c");
      same(unionMasks(a, intersectMasks(a, b)), a, "a ∪ (a ∩ b)");
      same(intersectMasks(a, unionMasks(a, b)), a, "a ∩ (a ∪ b)");
      same(
        intersectMasks(a, unionMasks(b, c)),
        unionMasks(intersectMasks(a, b), intersectMasks(a, c)),
        "a ∩ (b ∪ c)",
      );
    },
  ),
  law(
    "a difference has nothing of what was taken away, and what comes out empty is nothing, never everything",
    two,
    (side, [first, second]) => {
      const [a, b] = [side.mask("read", first), side.mask("read", second)];
      const nothing = difference(a, a);
      if (nothing !== undefined) assert.deepEqual(maskPaths(nothing), [], side.name);
      const rest = difference(a, b);
      if (rest === undefined) return;
      assert(isEmpty(intersectMasks(rest, b)), side.name);
      if (isEmpty(intersectMasks(a, b))) expectSameMask(rest, a, side.name);
    },
  ),
  law("lists of canonical paths are united and intersected as their masks are", two, (side, paths) => {
    const [a, b] = paths.map((given) => side.mask("read", given)) as [Mask, Mask];
    const [first, second] = [maskPaths(a), maskPaths(b)];
    assert.deepEqual(unionPaths(first, second), maskPaths(unionMasks(a, b)), side.name);
    assert.deepEqual(intersectPaths(first, second), maskPaths(intersectMasks(a, b)), side.name);
  }),
  law(
    "a mask is what its canonical paths say, and includes what they cover",
    two,
    (side, [paths, questions]) => {
      const mask = side.mask("read", paths);
      const canonical = maskPaths(mask);
      assert.deepEqual(normalizePaths(canonical), canonical, side.name);
      expectSameMask(side.mask("read", canonical), mask, side.name);
      for (const path of [...paths, ...questions]) {
        // Without a schema, only its canonical spelling says that a path goes through a list.
        const spelled = maskPaths(side.mask("read", [path]));
        const covered = spelled.every((one) => coversPath(canonical, one));
        assert.equal(includes<string>(mask, path), covered, `${side.name}, ${path}`);
      }
    },
  ),
];
