// A small schema of every kind of field, recursive in three ways, as generated code would declare it.

import { compileMask } from "@fieldpost/fieldmask";
import type { Mask } from "@fieldpost/fieldmask";
import { defineMask, defineMessage, listOf, mapOf } from "@fieldpost/fieldmask/codegen";
import type { MessageSchema, TsProtoShape } from "@fieldpost/fieldmask/codegen";

const shape: TsProtoShape = {
  oneof: "unions",
  maps: "Map",
  long: "bigint",
  noBytes: new Uint8Array(0),
};

export const authorSchema: MessageSchema = defineMessage("library.Author", shape, () => [
  ["given_name", 1, "string"],
  ["family_name", 2, "string"],
]);

export const bookSchema: MessageSchema = defineMessage("library.Book", shape, () => [
  ["name", 1, "string"],
  ["display_name", 2, "string"],
  ["author", 3, authorSchema],
  ["co_authors", 4, listOf(authorSchema)],
  ["tags", 5, listOf("string")],
  ["labels", 6, mapOf("string", "string")],
  ["reviewers", 7, mapOf("string", authorSchema)],
  ["pages", 8, mapOf("int32", "string")],
  ["positions", 9, mapOf("uint64", authorSchema)],
  ["switches", 10, mapOf("bool", "string")],
  ["sequel", 11, bookSchema],
  ["volumes", 12, listOf(bookSchema)],
  ["translations", 13, mapOf("string", bookSchema)],
  ["constructor", 14, "string"],
  ["__proto__", 15, "string"],
]);

export const readMask = defineMask<string>(bookSchema, { profile: "read" });
export const updateMask = defineMask<string>(bookSchema, { profile: "update" });

/** A lenient mask of these paths; of none, it selects nothing. */
export const maskOf = (...paths: string[]): Mask => compileMask(readMask, paths, { emptyMask: "nothing" });

/** How often each property is tried: FIELDPOST_PROPERTY_RUNS, or 100 times. */
export const runs = { numRuns: Number(process.env["FIELDPOST_PROPERTY_RUNS"] ?? 100) };
