// What holds of filters on encoded messages.

import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Law } from "./law.ts";
import { law, outcomeOf } from "./law.ts";

export const byteLaws: readonly Law[] = [
  law(
    "filtering bytes gives the bytes of the filtered message",
    ({ message, maybePaths }) => fc.tuple(message, maybePaths("read")),
    (side, [x, paths]) => {
      const message = side.load(x);
      const mask = side.mask("read", paths);
      side.expectSameBytes(
        side.filterBytes(side.encode(message), mask),
        side.encode(side.filter(message, mask)),
      );
    },
  ),
  law(
    "encodings one after the other, which decoders merge, are filtered as what they merge to",
    ({ message, pair, maybePaths }) =>
      fc.tuple(fc.oneof(pair, fc.tuple(message, message)), maybePaths("read")),
    ({ mask, filterBytes, protobufEs }, [encoded, paths]) => {
      // Split messages, entries that come twice, members of oneofs that give way. ts-proto's decoder would not merge them.
      const bytes = Buffer.concat(encoded.map((one) => one.bytes));
      const expected = protobufEs.filter(protobufEs.decode(bytes), protobufEs.mask("read", paths));
      protobufEs.expectSameBytes(filterBytes(bytes, mask("read", paths)), protobufEs.encode(expected));
    },
  ),
  law(
    "encoding by a mask gives the bytes of the filtered message, or says which required field it lacks",
    ({ message, maybePaths }) => fc.tuple(message, maybePaths("read")),
    (side, [x, paths]) => {
      const message = side.load(x);
      const mask = side.mask("read", paths);
      const actual = outcomeOf(() => side.encodeMasked(message, mask));
      const expected = outcomeOf(() => side.encodeStrictly(side.filter(message, mask)));
      if (typeof actual === "string" || typeof expected === "string")
        assert.equal(actual, expected, side.name);
      else side.expectSameBytes(actual, expected);
    },
  ),
];
