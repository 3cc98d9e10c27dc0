// Both targets do the same: their results are one message.

import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Encoded } from "./messages.ts";
import type { Law, Side } from "./law.ts";
import { jointLaw, outcomeOf } from "./law.ts";

/**
 * A message as both targets hold it: ts-proto does not encode a field of -0, as long as 0 is unset.
 */
function bothWays(protobufEs: Side, tsProto: Side, x: Encoded): readonly [object, object] {
  const bytes = tsProto.encode(tsProto.load(x));
  return [protobufEs.decode(bytes), tsProto.decode(bytes)];
}

export const targetLaws: readonly Law[] = [
  jointLaw(
    "both targets filter and prune alike, whatever the mask",
    ({ message, maybePaths, junkPaths }) => fc.tuple(message, fc.oneof(maybePaths("read"), junkPaths)),
    (protobufEs, tsProto, [x, paths]) => {
      const [es, ts] = bothWays(protobufEs, tsProto, x);
      const [esMask, tsMask] = [protobufEs.compile(paths), tsProto.compile(paths)];
      assert.deepEqual(tsProto.parse(paths).ok, protobufEs.parse(paths).ok);
      protobufEs.expectSameBytes(
        tsProto.encode(tsProto.filter(ts, tsMask)),
        protobufEs.encode(protobufEs.filter(es, esMask)),
      );
      protobufEs.expectSameBytes(
        tsProto.encode(tsProto.prune(ts, tsMask)),
        protobufEs.encode(protobufEs.prune(es, esMask)),
      );
    },
  ),
  jointLaw(
    "both targets find the same mistakes in a mask",
    ({ junkPaths }) => junkPaths,
    (protobufEs, tsProto, paths) => {
      assert.deepEqual(violationsOf(tsProto.parse(paths)), violationsOf(protobufEs.parse(paths)));
      assert.deepEqual(violationsOf(tsProto.parseUpdate(paths)), violationsOf(protobufEs.parseUpdate(paths)));
    },
  ),
  jointLaw(
    "both targets update and merge alike",
    ({ pair, maybePaths }) => fc.tuple(pair, maybePaths("update")),
    (protobufEs, tsProto, [[before, patch], paths]) => {
      const [es, ts] = bothWays(protobufEs, tsProto, before);
      const [esPatch, tsPatch] = bothWays(protobufEs, tsProto, patch);
      const [esMask, tsMask] = [protobufEs.mask("update", paths), tsProto.mask("update", paths)];
      protobufEs.expectSameBytes(
        tsProto.encode(tsProto.update(ts, tsPatch, tsMask)),
        protobufEs.encode(protobufEs.update(es, esPatch, esMask)),
      );
      for (const replace of [false, true]) {
        const options = { replaceMessageFields: replace, replaceRepeatedFields: replace };
        protobufEs.expectSameBytes(
          tsProto.encode(tsProto.merge(ts, tsPatch, tsMask, options)),
          protobufEs.encode(protobufEs.merge(es, esPatch, esMask, options)),
        );
      }
    },
  ),
  jointLaw(
    "both targets forbid and allow the same by field behavior",
    ({ pair, maybePaths }) => fc.tuple(pair, maybePaths("update")),
    (protobufEs, tsProto, [[before, patch], paths]) => {
      const attempt = (side: Side, old: object, given: object): Uint8Array | string =>
        outcomeOf(() =>
          side.encode(side.update(old, given, side.mask("update", paths), { fieldBehavior: true })),
        );
      const [es, ts] = bothWays(protobufEs, tsProto, before);
      const [esPatch, tsPatch] = bothWays(protobufEs, tsProto, patch);
      const [expected, actual] = [attempt(protobufEs, es, esPatch), attempt(tsProto, ts, tsPatch)];
      if (typeof expected === "string" || typeof actual === "string") assert.equal(actual, expected);
      else protobufEs.expectSameBytes(actual, expected);
    },
  ),
  jointLaw(
    "both targets find the same differences",
    ({ pair }) => pair,
    (protobufEs, tsProto, [before, after]) => {
      const [es, ts] = bothWays(protobufEs, tsProto, before);
      const [esAfter, tsAfter] = bothWays(protobufEs, tsProto, after);
      for (const mapKeys of [false, true]) {
        const [esMask, tsMask] = [
          protobufEs.diff(es, esAfter, { mapKeys }),
          tsProto.diff(ts, tsAfter, { mapKeys }),
        ];
        protobufEs.expectSameBytes(
          tsProto.encode(tsProto.filter(tsAfter, tsMask)),
          protobufEs.encode(protobufEs.filter(esAfter, esMask)),
        );
        protobufEs.expectSameBytes(
          tsProto.encode(tsProto.prune(ts, tsMask)),
          protobufEs.encode(protobufEs.prune(es, esMask)),
        );
      }
    },
  ),
];

function violationsOf(result: ReturnType<Side["parse"]>): unknown {
  return result.ok ? [] : result.violations;
}
