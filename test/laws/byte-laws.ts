// What holds of filters on encoded messages.

import * as fc from "fast-check";
import type { Law } from "./law.ts";
import { law } from "./law.ts";

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
    "encoding by a mask gives the bytes of the filtered message",
    ({ message, maybePaths }) => fc.tuple(message, maybePaths("read")),
    (side, [x, paths]) => {
      const message = side.load(x);
      const mask = side.mask("read", paths);
      side.expectSameBytes(side.encodeMasked(message, mask), side.encode(side.filter(message, mask)));
    },
  ),
];
