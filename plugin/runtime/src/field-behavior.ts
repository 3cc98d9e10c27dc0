// The numbers of google.api.FieldBehavior (AIP-203) that say who may write a field.

import type { FieldBehavior } from "./schema.ts";

/** The number of the extension of google.protobuf.FieldOptions. */
export const FIELD_BEHAVIOR_EXTENSION = 1052;

const behaviors: ReadonlyMap<number, FieldBehavior> = new Map<number, FieldBehavior>([
  [2, "REQUIRED"],
  [3, "OUTPUT_ONLY"],
  [5, "IMMUTABLE"],
  [8, "IDENTIFIER"],
]);

/** The behaviors among these numbers; those that no mask is concerned with (OPTIONAL, INPUT_ONLY, …) are left out. */
export function toFieldBehaviors(numbers: Iterable<number>): FieldBehavior[] {
  return [...new Set(numbers)].flatMap((number) => behaviors.get(number) ?? []);
}
