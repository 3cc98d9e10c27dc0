// What all operations owe to those who call them: inputs stay as they are, and results can be changed freely.

import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Paths } from "../support/message-functions.ts";
import type { Law, Side } from "./law.ts";
import { law, outcomeOf } from "./law.ts";
import type { Encoded } from "./messages.ts";
import { shared } from "./sharing.ts";

/** Two messages, and the first one encoded. */
type Inputs = readonly [a: object, b: object, bytes: Uint8Array];

/** Every operation once, of these messages and masks. */
function everything(side: Side, [a, b, bytes]: Inputs, read: Paths, update: Paths): [string, unknown][] {
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
    // Refused by protobuf-es where a required field is left out.
    ["encode", outcomeOf(() => side.encodeMasked(a, toRead))],
    ["filter of bytes", side.filterBytes(bytes, toRead)],
    ["filter of bytes, keeping unknown fields", side.filterBytes(bytes, toRead, { unknownFields: "keep" })],
    ["diff", side.diff(a, b)],
    ["diff of keys", side.diff(a, b, { mapKeys: true })],
  ];
}

function inputsOf(side: Side, [x, y]: readonly [Encoded, Encoded]): Inputs {
  return [side.load(x), side.load(y), Uint8Array.from(x.bytes)];
}

export const inputLaws: readonly Law[] = [
  law(
    "results share nothing with inputs",
    ({ pair, maybePaths }) => fc.tuple(pair, maybePaths("read"), maybePaths("update")),
    (side, [pair, read, update]) => {
      const inputs = inputsOf(side, pair);
      for (const [name, result] of everything(side, inputs, read, update)) {
        assert.deepEqual(shared(result, inputs), [], `${side.name}, ${name}`);
      }
    },
  ),
  law(
    "inputs stay as they are",
    ({ pair, maybePaths }) => fc.tuple(pair, maybePaths("read"), maybePaths("update")),
    (side, [pair, read, update]) => {
      const inputs = inputsOf(side, pair);
      const before = structuredClone(inputs);
      everything(side, inputs, read, update);
      assert.deepEqual(structuredClone(inputs), before, side.name);
    },
  ),
];
