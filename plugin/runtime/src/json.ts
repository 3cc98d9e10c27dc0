// Paths in ProtoJSON: one text, the paths joined by commas, the names in lowerCamelCase. Without a schema, and as strict
// as protobuf's conformance suite: what does not come back as it was is refused, not written. `address_1` is such a
// name; with a schema (json-names.ts) it has a JSON name like any other.

import { joinSegments, parsePath } from "./path.ts";
import type { PathSegment } from "./path.ts";
import { quote } from "./text.ts";

/** What is wrong: a mask cannot be written so that it is read back the same, or a JSON value is no mask. */
export type FieldMaskJsonCode = "IRREVERSIBLE" | "INVALID_JSON_MASK";

/** Thrown where a mask cannot be written to JSON, or read from it. */
export class FieldMaskJsonError extends Error {
  override readonly name = "FieldMaskJsonError";
  readonly code: FieldMaskJsonCode;
  /** The path that is wrong, as it was given; undefined if it is not about one path. */
  readonly path: string | undefined;

  /** @param rule goes on after the path: "has …" */
  constructor(code: FieldMaskJsonCode, path: string | undefined, rule: string) {
    super(path === undefined ? rule : `the path ${quote(path)} ${rule}`);
    this.code = code;
    this.path = path;
  }
}

/**
 * Writes paths as the ProtoJSON of a google.protobuf.FieldMask: `foo,barBaz`. `[]` is `""`. Keys between backticks stay as
 * they are. Throws a FieldMaskJsonError IRREVERSIBLE for a path that `pathsFromJson` would not give back: an empty one,
 * one that is no path, one with a comma, a name with an upper-case letter, or with a `_` that stands before anything but
 * a lower-case letter (`foo_3_bar`, `foo__bar`, `foo_`).
 */
export function pathsToJson(paths: readonly string[]): string {
  return paths.map(pathToJson).join(",");
}

function pathToJson(path: string): string {
  const refuse = (rule: string): never => {
    throw new FieldMaskJsonError("IRREVERSIBLE", path, rule);
  };
  if (path.includes(",")) return refuse("has a comma, which would make it two paths in JSON");
  const parsed = parsePath(path);
  if (!parsed.ok) return refuse(parsed.description);
  return convertNames(parsed.segments, (name) => {
    const json = name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!json.includes("_") && toSnakeCase(json) === name) return json;
    return refuse(`has ${quote(name)}, which would not come back from lowerCamelCase as it is`);
  });
}

/**
 * Reads the ProtoJSON of a google.protobuf.FieldMask: `foo,barBaz` is `["foo", "bar_baz"]`, `""` is `[]`. Keys between
 * backticks stay as they are; a comma parts two paths even there. Nothing between two commas, or behind the last, is no
 * path. Throws a FieldMaskJsonError INVALID_JSON_MASK for what is no string, for a `_` in a name, and for what is no path.
 */
export function pathsFromJson(json: unknown): string[] {
  return requireText(json).split(",").filter(isNotEmpty).map(pathFromJson);
}

function pathFromJson(path: string): string {
  return convertNames(requireSegments(path), (name) => {
    if (!name.includes("_")) return toSnakeCase(name);
    throw new FieldMaskJsonError(
      "INVALID_JSON_MASK",
      path,
      `has a "_" in ${quote(name)}; JSON has lowerCamelCase`,
    );
  });
}

/** Joins segments to a path, with other texts for those that do not stand between backticks. */
function convertNames(segments: readonly PathSegment[], convert: (name: string) => string): string {
  return joinSegments(segments.map(({ text, quoted }) => ({ text: quoted ? text : convert(text), quoted })));
}

function toSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Throws for a JSON value that is no mask. */
export function requireText(json: unknown): string {
  if (typeof json === "string") return json;
  const what = json === null ? "null" : Array.isArray(json) ? "an array" : `of type ${typeof json}`;
  throw new FieldMaskJsonError(
    "INVALID_JSON_MASK",
    undefined,
    `a field mask in JSON is a string, not ${what}`,
  );
}

/** Throws for a path in JSON that is no path. */
export function requireSegments(path: string): readonly PathSegment[] {
  const parsed = parsePath(path);
  if (parsed.ok) return parsed.segments;
  throw new FieldMaskJsonError("INVALID_JSON_MASK", path, parsed.description);
}

/** For what stands between two commas. */
export function isNotEmpty(path: string): boolean {
  return path !== "";
}
