// A small schema of every kind of field, recursive in three ways, as generated code would declare it.

import { defineMask, defineMessage, listOf, mapOf } from "@fieldpost/fieldmask/codegen";
import type { MessageSchema } from "@fieldpost/fieldmask/codegen";

export const authorSchema: MessageSchema = defineMessage("library.Author", () => [
  ["given_name", 1],
  ["family_name", 2],
]);

export const bookSchema: MessageSchema = defineMessage("library.Book", () => [
  ["name", 1],
  ["display_name", 2],
  ["author", 3, authorSchema],
  ["co_authors", 4, listOf(authorSchema)],
  ["tags", 5, listOf()],
  ["labels", 6, mapOf("string")],
  ["reviewers", 7, mapOf("string", authorSchema)],
  ["pages", 8, mapOf("int32")],
  ["positions", 9, mapOf("uint64", authorSchema)],
  ["switches", 10, mapOf("bool")],
  ["sequel", 11, bookSchema],
  ["volumes", 12, listOf(bookSchema)],
  ["translations", 13, mapOf("string", bookSchema)],
  ["constructor", 14],
  ["__proto__", 15],
]);

export const readMask = defineMask<string>(bookSchema, { profile: "read" });
export const updateMask = defineMask<string>(bookSchema, { profile: "update" });
