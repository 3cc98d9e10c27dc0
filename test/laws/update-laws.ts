// What holds of update, diff and merge.

import assert from "node:assert/strict";
import type { Mask } from "@fieldpost/fieldmask";
import { NOTHING } from "@fieldpost/fieldmask";
import * as fc from "fast-check";
import { without, withoutDisplaced } from "./compare.ts";
import type { Law, Side } from "./law.ts";
import { expectLeaves, law } from "./law.ts";

/** Throws if an update changed what a mask does not select, but for members of oneofs that gave way to others. */
function expectRestKept(side: Side, before: object, after: object, mask: Mask): void {
  const { desc } = side.subject;
  const expected = side.decode(withoutDisplaced(desc, side.encode(before), side.encode(after)));
  expectLeaves(side.leaves(side.prune(after, mask)), side.leaves(side.prune(expected, mask)), side.name);
}

export const updateLaws: readonly Law[] = [
  law(
    "updating twice is updating once",
    ({ pair, maybePaths }) => fc.tuple(pair, maybePaths("update")),
    (side, [[before, patch], paths]) => {
      const mask = side.mask("update", paths);
      const updated = side.update(side.load(before), side.load(patch), mask);
      side.expectSame(side.update(updated, side.load(patch), mask), updated);
    },
  ),
  law(
    "what was written is read back (AIP-161)",
    ({ pair, updatePaths }) => fc.tuple(pair, updatePaths),
    (side, [[before, patch], paths]) => {
      const mask = side.mask("update", paths);
      const updated = side.update(side.load(before), side.load(patch), mask);
      const read = side.leaves(side.filter(updated, mask));
      expectLeaves(read, side.leaves(side.filter(side.load(patch), mask)), side.name);
    },
  ),
  law(
    "what was read and is written back changes nothing (AIP-161)",
    ({ message, maybePaths }) => fc.tuple(message, maybePaths("update")),
    (side, [x, paths]) => {
      const mask = side.mask("update", paths);
      const message = side.load(x);
      side.expectSame(side.update(message, message, mask), message);
      side.expectSame(side.update(message, side.filter(message, mask), mask), message);
    },
  ),
  law(
    "outside of the mask only members of oneofs give way, to other members",
    ({ pair, updatePaths }) => fc.tuple(pair, updatePaths),
    (side, [[before, patch], paths]) => {
      const mask = side.mask("update", paths);
      const message = side.load(before);
      const updated = side.update(message, side.load(patch), mask);
      expectRestKept(side, message, updated, mask);
    },
  ),
  law(
    "an update of all gives the patch, and one of nothing the target",
    ({ pair }) => pair,
    (side, [before, patch]) => {
      const [message, given] = [side.load(before), side.load(patch)];
      side.expectSame(side.update(message, given, side.mask("update", ["*"])), given);
      side.expectSame(side.update(message, given, side.compile([], { emptyMask: "nothing" })), message);
    },
  ),
  law(
    "without a mask, all that is populated in the patch is taken over, and nothing else changes",
    ({ pair }) => pair,
    (side, [before, patch]) => {
      const message = side.load(before);
      const updated = side.update(message, side.load(patch), undefined);
      const given = side.leaves(side.load(patch));
      const missing = without(given, side.leaves(updated));
      expectLeaves(missing, new Set(), `${side.name}, not taken over`);
      side.expectSame(side.update(updated, side.load(patch), undefined), updated);
      const empty = side.decode(new Uint8Array(0));
      expectRestKept(side, message, updated, side.diff(empty, side.load(patch)));
      side.expectSame(side.update(message, empty, undefined), message);
      side.expectSame(side.update(empty, side.load(patch), undefined), side.load(patch));
    },
  ),
  law(
    "updating by what is different gives the other message",
    ({ pair }) => pair,
    (side, [before, after]) => {
      const [old, now] = [side.load(before), side.load(after)];
      side.expectSame(side.update(old, now, side.diff(old, now)), now);
      side.expectSame(side.update(old, now, side.diff(old, now, { mapKeys: true })), now);
    },
  ),
  law(
    "a message differs in nothing from itself",
    ({ message }) => message,
    (side, x) => {
      assert.equal(side.diff(side.load(x), side.load(x)).selection, NOTHING, side.name);
      assert.equal(side.diff(side.load(x), side.load(x), { mapKeys: true }).selection, NOTHING, side.name);
    },
  ),
];
