// Reads google.api.field_behavior (AIP-203), extension 1052 of google.protobuf.FieldOptions. Its bytes are enough: a proto
// that does not use it need not come with google/api.

import type { DescField } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

const EXTENSION = 1052;

/** Those that an update has to respect; the others (OPTIONAL, INPUT_ONLY, …) say nothing about masks. */
const names: Readonly<Record<number, string>> = {
  2: "REQUIRED",
  3: "OUTPUT_ONLY",
  5: "IMMUTABLE",
  8: "IDENTIFIER",
};

/** The behaviors of a field that matter to masks, each once. */
export function readFieldBehaviors(field: DescField): string[] {
  const numbers: number[] = [];
  for (const { no, wireType, data } of field.proto.options?.$unknown ?? []) {
    if (no !== EXTENSION) continue;
    const reader = new BinaryReader(data);
    if (wireType === WireType.LengthDelimited) reader.uint32();
    while (reader.pos < reader.len) numbers.push(reader.int32());
  }
  return [...new Set(numbers.flatMap((number) => names[number] ?? []))];
}
