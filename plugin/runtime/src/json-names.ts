// Masks in ProtoJSON by the JSON names of a schema, so that each field has a name: `address_1` is `address1`, and what
// `json_name` says counts. Keys of maps are no names: they stay as they are.

import { isWildcard } from "./compile.ts";
import { FieldMaskJsonError, isNotEmpty, requireSegments, requireText } from "./json.ts";
import { maskPaths } from "./mask-paths.ts";
import type { PathSegment } from "./path.ts";
import { isWritable, joinSegments, parsePath } from "./path.ts";
import type { FieldSchema, MessageSchema } from "./schema.ts";
import { quote } from "./text.ts";
import type { Mask } from "./tree.ts";

/**
 * Writes the canonical paths of a mask as the ProtoJSON of a google.protobuf.FieldMask, with the JSON names of its
 * schema. Everything is `"*"`. Throws a FieldMaskJsonError IRREVERSIBLE for a mask that selects nothing, since `""` means
 * everything to whoever reads it, and for a field whose `json_name` can stand in no path; a RangeError as `maskPaths`.
 *
 * A key with a comma stands between backticks (AIP-161). Libraries that split there all the same misread it.
 */
export function maskToJson(mask: Mask): string {
  const paths = maskPaths(mask);
  if (paths.length > 0) return paths.map((path) => pathToJson(mask.schema, path)).join(",");
  const rule = `a mask that selects nothing has no JSON form: "" reads as everything`;
  throw new FieldMaskJsonError("IRREVERSIBLE", undefined, rule);
}

/**
 * Reads the ProtoJSON of a google.protobuf.FieldMask by the JSON names of a schema, to paths of proto names. `""` is `[]`.
 * Only names are looked at: whether a key or a profile is right is for `parseMask`. Nothing between two commas, or behind
 * the last, is no path; a comma between backticks is part of a key. Throws a FieldMaskJsonError INVALID_JSON_MASK for
 * what is no string, for what is no path, and for a name that is no JSON name of a field.
 */
export function jsonToPaths(schema: MessageSchema, json: unknown): string[] {
  return splitOutsideKeys(requireText(json))
    .filter(isNotEmpty)
    .map((path) => pathFromJson(schema, path));
}

function pathToJson(root: MessageSchema, path: string): string {
  if (path === "*") return path;
  const parsed = parsePath(path);
  const convert: Convert = (schema, segment) => {
    const field = schema?.field(segment.text);
    if (field !== undefined && isWritable(field.jsonName) && schema?.jsonField(field.jsonName) === field) {
      return [field, field.jsonName];
    }
    throw new FieldMaskJsonError(
      "IRREVERSIBLE",
      path,
      `has ${quote(segment.text)}, whose JSON name fits no path`,
    );
  };
  return parsed.ok ? convertNames(root, parsed.segments, convert) : path;
}

function pathFromJson(root: MessageSchema, path: string): string {
  if (path === "*") return path;
  return convertNames(root, requireSegments(path), (schema, segment) => {
    const refuse = (rule: string): never => {
      throw new FieldMaskJsonError("INVALID_JSON_MASK", path, rule);
    };
    if (schema === undefined) return refuse(`goes on with ${quote(segment.text)} after what has no fields`);
    const field = segment.quoted || isWildcard(segment) ? undefined : schema.jsonField(segment.text);
    if (field !== undefined) return [field, field.name];
    return refuse(`has ${quote(segment.text)}, which is no JSON name of a field of ${schema.typeName}`);
  });
}

/** The field that a segment names, and its name on the other side. `schema` is undefined behind a scalar. */
type Convert = (schema: MessageSchema | undefined, segment: PathSegment) => readonly [FieldSchema, string];

function convertNames(root: MessageSchema, segments: readonly PathSegment[], convert: Convert): string {
  let schema: MessageSchema | undefined = root;
  let field: FieldSchema | undefined;
  const converted = segments.map((segment) => {
    const isEntry = field?.kind === "map" || (field?.kind === "list" && isWildcard(segment));
    if (isEntry) {
      field = undefined;
      return segment;
    }
    const [found, text] = convert(schema, segment);
    field = found;
    schema = found.message;
    return { text, quoted: false };
  });
  return joinSegments(converted);
}

function splitOutsideKeys(text: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let inKey = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "`") inKey = !inKey;
    if (text[i] !== "," || inKey) continue;
    pieces.push(text.slice(start, i));
    start = i + 1;
  }
  pieces.push(text.slice(start));
  return pieces;
}
