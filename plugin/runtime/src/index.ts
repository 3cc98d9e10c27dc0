// The runtime of @fieldpost/protoc-gen-fieldmask, for the code that works with masks. What only generated code calls
// stands behind "@fieldpost/fieldmask/codegen".

export { intersectMasks, subtractMasks, unionMasks } from "./algebra.ts";
export { MaskError, toBadRequest } from "./bad-request.ts";
export type { BadRequest, BadRequestViolation } from "./bad-request.ts";
export { checkPaths } from "./check.ts";
export type { CheckOptions, MaskProfile, Violation, ViolationReason } from "./check.ts";
export type { FieldNames } from "./field-names.ts";
export { allFieldPaths, pathsOfFieldNumbers } from "./field-paths.ts";
export { includes, touches } from "./includes.ts";
export { jsonToPaths, maskToJson } from "./json-names.ts";
export { FieldMaskJsonError, pathsFromJson, pathsToJson } from "./json.ts";
export type { FieldMaskJsonCode } from "./json.ts";
export { MAX_PATHS, MAX_SEGMENTS, MAX_STEPS, MAX_TREES } from "./limits.ts";
export type { MapKeyType } from "./map-key.ts";
export { isEmpty, maskPaths } from "./mask-paths.ts";
export { compileMask, defineMask, parseMask, validateMask } from "./parse.ts";
export type { MaskDefinition, MaskResult, ParseOptions } from "./parse.ts";
export { coversPath, intersectPaths, normalizePaths, unionPaths } from "./path-set.ts";
export { formatPath, parsePath } from "./path.ts";
export type { ParsedPath, PathSegment } from "./path.ts";
export type { FieldSchema, MessageSchema } from "./schema.ts";
export { ALL, NOTHING } from "./tree.ts";
export type { Mask } from "./tree.ts";
export { filterBytes } from "./wire.ts";
export type { FilterBytesOptions } from "./wire.ts";
export { MalformedError } from "./wire-reader.ts";
