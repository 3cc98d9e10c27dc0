// What holds of filter and prune.

import assert from "node:assert/strict";
import * as fc from "fast-check";
import { without } from "./compare.ts";
import type { Law } from "./law.ts";
import { expectLeaves, jointLaw, law } from "./law.ts";

export const filterLaws: readonly Law[] = [
  jointLaw(
    "a path that leads to a field is accepted",
    ({ maybePaths }) => fc.tuple(maybePaths("read"), maybePaths("update")),
    (protobufEs, tsProto, [read, update]) => {
      for (const side of [protobufEs, tsProto]) {
        assert(side.parse(read).ok, side.name);
        assert(side.parseUpdate(update).ok, side.name);
      }
    },
  ),
  law(
    "every leaf is in what filter keeps, or in what prune leaves, and not in both",
    ({ message, readPaths }) => fc.tuple(message, readPaths),
    (side, [x, paths]) => {
      const message = side.load(x);
      const mask = side.mask("read", paths);
      const kept = side.leaves(side.filter(message, mask));
      const left = side.leaves(side.prune(message, mask));
      expectLeaves(without(left, kept), left, `${side.name}, in both`);
      expectLeaves(new Set([...kept, ...left]), side.leaves(message), side.name);
    },
  ),
  law(
    "what filter keeps and what prune leaves, put together, is the message again",
    ({ message, updatePaths }) => fc.tuple(message, updatePaths),
    (side, [x, paths]) => {
      const message = side.load(x);
      const mask = side.mask("update", paths);
      const [kept, left] = [side.filter(message, mask), side.prune(message, mask)];
      side.expectSame(side.update(left, kept, mask), message);
      side.expectSame(side.merge(left, kept, mask), message);
    },
  ),
  law(
    "filtering twice is filtering once, and pruning twice pruning once",
    ({ message, maybePaths }) => fc.tuple(message, maybePaths("read")),
    (side, [x, paths]) => {
      const mask = side.mask("read", paths);
      const filtered = side.filter(side.load(x), mask);
      side.expectSame(side.filter(filtered, mask), filtered);
      const pruned = side.prune(side.load(x), mask);
      side.expectSame(side.prune(pruned, mask), pruned);
    },
  ),
  law(
    "all is everything, nothing is nothing, and no mask filters and prunes nothing away",
    ({ message }) => message,
    (side, x) => {
      const message = side.load(x);
      const empty = side.decode(new Uint8Array(0));
      side.expectSame(side.filter(message, side.mask("read", ["*"])), message);
      side.expectSame(side.prune(message, side.mask("read", ["*"])), empty);
      side.expectSame(side.filter(message, side.mask("read", undefined)), message);
      side.expectSame(side.prune(message, undefined), message);
      const nothing = side.compile([], { emptyMask: "nothing" });
      side.expectSame(side.filter(message, nothing), empty);
      side.expectSame(side.prune(message, nothing), message);
    },
  ),
];
