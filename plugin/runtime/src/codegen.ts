// The door for generated code. Not for use by hand: it may change together with the plugin.

export type { Violation } from "./check.ts";
export { compileMask, defineMask, parseMask, validateMask } from "./parse.ts";
export type { MaskDefinition, MaskResult, ParseOptions } from "./parse.ts";
export { applyMask, datePart, listPart, mapPart, memberPart, messagePart, unwrappedPart } from "./part.ts";
export type { Keep } from "./part.ts";
export { defineMessage, listOf, mapOf } from "./schema.ts";
export type { MessageSchema } from "./schema.ts";
export { ALL } from "./tree.ts";
export type { Mask, MapTree, MessageTree } from "./tree.ts";
