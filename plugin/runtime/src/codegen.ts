// The door for generated code. Not for use by hand: it may change together with the plugin.

export { filterMessage } from "./filter.ts";
export { diffBy, filterBy, mergeBy, pruneBy, updateBy } from "./by-mask.ts";
export type { Violation } from "./check.ts";
export type { DiffOptions } from "./diff.ts";
export type { MergeOptions } from "./merge.ts";
export { compileMask, defineMask, parseMask, requireMask, validateMask } from "./parse.ts";
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
  own,
  scalarMapPart,
  scalarObjectPart,
  scalarsPart,
  valueKeep,
} from "./part.ts";
export type { Keep, Slots } from "./part.ts";
export { addPaths, addPathsToMessage } from "./request.ts";
export type { MessageSchema } from "./schema.ts";
export type { Selected } from "./selected.ts";
export { ALL } from "./tree.ts";
export type { Mask, MapTree, MessageTree } from "./tree.ts";
export { defineFieldMask, defineTimestamp, defineWrapper } from "./ts-proto-values.ts";
export { defineMessage, listOf, mapOf } from "./ts-proto.ts";
export type { TsProtoShape } from "./ts-proto.ts";
export type { UpdateOptions } from "./update.ts";
export { filterBytes } from "./wire.ts";
export type { FilterBytesOptions } from "./wire.ts";
