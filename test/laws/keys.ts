// Keys of maps. There are few of each type, so that masks name keys that messages have.

import type { DescField } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import type { Shape } from "./shapes.ts";

export type MapField = DescField & { fieldKind: "map" };

const texts = ["a", "b", "k_1", "a.b", "x y", "*", "constructor", "toString", "1", "-1", "", "é", "a,b"];
/** No path can name this one. */
const unnameable = "`";

const least = { [ScalarType.INT32]: -(2n ** 31n), [ScalarType.INT64]: -(2n ** 63n) };
const most = {
  [ScalarType.INT32]: 2n ** 31n - 1n,
  [ScalarType.INT64]: 2n ** 63n - 1n,
  [ScalarType.UINT32]: 2n ** 32n - 1n,
  [ScalarType.UINT64]: 2n ** 64n - 1n,
};

/** All keys that a map of this field may have, in the form of a message of protobuf-es' reflection. */
export function keysOf(field: MapField, shape: Shape): (string | number | bigint | boolean)[] {
  switch (field.mapKey) {
    case ScalarType.STRING:
      // ts-proto loses this one where a map is an object.
      return [...texts, unnameable, ...(shape.useMapType ? ["__proto__"] : [])];
    case ScalarType.BOOL:
      return [true, false];
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return [0n, 1n, -1n, least[ScalarType.INT32], most[ScalarType.INT32]].map(Number);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return [0n, 1n, 7n, most[ScalarType.UINT32]].map(Number);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return [0n, 1n, 7n, inRange(most[ScalarType.UINT64], shape)];
    default:
      return [0n, 1n, -1n, inRange(least[ScalarType.INT64], shape), inRange(most[ScalarType.INT64], shape)];
  }
}

/** The texts of those that a path can name. */
export function keyTextsOf(field: MapField, shape: Shape): string[] {
  if (field.mapKey === ScalarType.BOOL) return [];
  return keysOf(field, shape)
    .filter((key) => key !== unnameable)
    .map(String);
}

/** A 64-bit integer as far as a number can hold it, if that is what it has to be held as. */
export function inRange(value: bigint, { forceLong }: Shape): bigint {
  if (forceLong !== "number") return value;
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  if (value > limit) return limit;
  return value < -limit ? -limit : value;
}
