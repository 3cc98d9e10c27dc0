// The door for generated code. Not for use by hand: it may change together with the plugin.

export type { Violation } from "./check.ts";
export { compileMask, defineMask, parseMask, validateMask } from "./parse.ts";
export type { MaskDefinition, MaskResult, ParseOptions } from "./parse.ts";
export {
  applyMask,
  copyBytes,
  copyOpaque,
  listPart,
  mapPart,
  memberPart,
  messagePart,
  objectPart,
  scalarMapPart,
  scalarObjectPart,
  scalarsPart,
  valueKeep,
} from "./part.ts";
export type { Keep, Slots } from "./part.ts";
export type { MessageSchema } from "./schema.ts";
export { ALL } from "./tree.ts";
export type { Mask, MapTree, MessageTree } from "./tree.ts";
export { defineDuration, defineFieldMask, defineTimestamp, defineWrapper } from "./ts-proto-values.ts";
export { defineMessage, listOf, mapOf } from "./ts-proto.ts";
export type { TsProtoShape } from "./ts-proto.ts";
