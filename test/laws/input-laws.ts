// What all operations owe to those who call them: inputs stay as they are, and results can be changed freely.

import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Law, Side } from "./law.ts";
import { law } from "./law.ts";
import type { Paths } from "./masks.ts";
import { Parts } from "./sharing.ts";

/** Every operation once, of these messages and masks. */
function everything(
  side: Side,
  a: object,
  b: object,
  read: Paths,
  update: Paths,
): readonly [string, object][] {
  const [toRead, toWrite] = [side.mask("read", read), side.mask("update", update)];
  return [
    ["filter", side.filter(a, toRead)],
    ["prune", side.prune(a, toRead)],
    ["update", side.update(a, b, toWrite)],
    ["update without a mask", side.update(a, b, undefined)],
    ["merge", side.merge(a, b, toWrite)],
    [
      "merge, replacing",
      side.merge(a, b, toWrite, { replaceMessageFields: true, replaceRepeatedFields: true }),
    ],
    ["encode", side.encodeMasked(a, toRead)],
    ["diff", side.diff(a, b)],
    ["diff of keys", side.diff(a, b, { mapKeys: true })],
  ];
}

export const inputLaws: readonly Law[] = [
  law(
    "results share nothing with inputs",
    ({ pair, maybePaths }) => fc.tuple(pair, maybePaths("read"), maybePaths("update")),
    (side, [[x, y], read, update]) => {
      const [a, b] = [side.load(x), side.load(y)];
      const inputs = new Parts([a, b]);
      for (const [name, result] of everything(side, a, b, read, update)) {
        assert.deepEqual(inputs.sharedWith(result), [], `${side.name}, ${name}`);
      }
    },
  ),
  law(
    "inputs stay as they are",
    ({ pair, maybePaths }) => fc.tuple(pair, maybePaths("read"), maybePaths("update")),
    (side, [[x, y], read, update]) => {
      const inputs = [side.load(x), side.load(y)] as const;
      const before = structuredClone(inputs);
      everything(side, ...inputs, read, update);
      assert.deepEqual(structuredClone(inputs), before, side.name);
    },
  ),
];
