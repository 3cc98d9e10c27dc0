// A message with a field of every kind that encoded messages treat differently.

import { compileMask, defineMask, filterBytes } from "@fieldpost/fieldmask";
import type { FilterBytesOptions } from "@fieldpost/fieldmask";
import { defineMessage, listOf, mapOf } from "@fieldpost/fieldmask/codegen";
import type { MessageSchema, TsProtoShape } from "@fieldpost/fieldmask/codegen";

export const shape: TsProtoShape = {
  oneof: "unions",
  maps: "Map",
  long: "bigint",
  noBytes: new Uint8Array(0),
};

export const partSchema: MessageSchema = defineMessage("wire.Part", shape, () => [
  ["text", 1, "string"],
  ["number", 2, "int32"],
  ["left", 3, "string", { oneof: "side" }],
  ["right", 4, "string", { oneof: "side" }],
  ["part", 5, partSchema],
  ["by_name", 6, mapOf("string", partSchema)],
]);

export const wholeSchema: MessageSchema = defineMessage("wire.Whole", shape, () => [
  ["name", 1, "string"],
  ["count", 2, "int32"],
  ["part", 3, partSchema],
  ["parts", 4, listOf(partSchema)],
  ["numbers", 5, listOf("int32")],
  ["doubles", 6, listOf("double")],
  ["words", 7, listOf("string")],
  ["labels", 8, mapOf("string", "string")],
  ["by_name", 9, mapOf("string", partSchema)],
  ["block", 10, partSchema, { oneof: "choice" }],
  ["code", 11, "string", { oneof: "choice" }],
  ["id", 12, "int64", { oneof: "choice" }],
  ["settings", 13, "opaque"],
  ["weight", 14, "float"],
  ["last", 536_870_911, "string"],
]);

/** Filters with a mask of these paths. */
export function filter(
  paths: readonly string[],
  bytes: Uint8Array,
  options?: FilterBytesOptions,
  schema: MessageSchema = wholeSchema,
): Uint8Array {
  return filterBytes(
    schema,
    bytes,
    compileMask(defineMask<string>(schema, { profile: "read" }), paths),
    options,
  );
}
