// The grammar of one path: segments joined by dots. A segment is a field name, a map key, `*`, or a map key between
// backticks, inside which there are no escapes (AIP-161). What the segments mean is for check.ts and compile.ts.

import { MAX_SEGMENTS } from "./limits.ts";
import { quote } from "./text.ts";

/** One segment of a path. A quoted segment is always a map key, even if its text is `*`. */
export interface PathSegment {
  readonly text: string;
  readonly quoted: boolean;
}

/** Why a text is no path, or its segments. */
export type ParsedPath =
  | { readonly ok: true; readonly segments: readonly PathSegment[] }
  | {
      readonly ok: false;
      readonly reason: "EMPTY_PATH" | "BAD_SYNTAX" | "TOO_LARGE";
      readonly description: string;
    };

const bareKey = /^(?:[A-Za-z_][A-Za-z0-9_]*|-?[0-9]+)$/;

/** Splits a path at its dots. */
export function parsePath(path: string): ParsedPath {
  if (path === "") return { ok: false, reason: "EMPTY_PATH", description: "is empty" };
  const segments = path.includes("`") ? splitQuoted(path) : splitBare(path);
  if (typeof segments === "string") return { ok: false, reason: "BAD_SYNTAX", description: segments };
  if (segments.length > MAX_SEGMENTS) {
    return { ok: false, reason: "TOO_LARGE", description: `has more than ${MAX_SEGMENTS} segments` };
  }
  return { ok: true, segments };
}

/**
 * Joins segments to a path, with backticks where a text could not stand bare. `parsePath` gives the segments back.
 * Throws a RangeError for a key that holds a backtick: the grammar has no way to write it.
 */
export function formatPath(segments: readonly PathSegment[]): string {
  return segments.map(formatSegment).join(".");
}

/** Joins segments to a path as they were: between backticks those that stood there. */
export function joinSegments(segments: readonly PathSegment[]): string {
  return segments.map(({ text, quoted }) => (quoted ? `\`${text}\`` : text)).join(".");
}

/** True for a name that can stand in a path. Those of protos can; a `json_name` may be any text. */
export function isWritable(name: string): boolean {
  const parsed = parsePath(name);
  return parsed.ok && parsed.segments.length === 1 && !name.startsWith("`") && name !== "*";
}

/** The segment of a map key, as canonical paths have it: between backticks only where it needs them. */
export function keySegment(key: string): PathSegment {
  return { text: key, quoted: key === "*" };
}

function formatSegment({ text, quoted }: PathSegment): string {
  if (!quoted && text === "*") return text;
  if (!quoted && bareKey.test(text)) return text;
  if (text.includes("`")) throw new RangeError(`a key with a backtick has no path: ${quote(text)}`);
  return `\`${text}\``;
}

function splitBare(path: string): PathSegment[] | string {
  const segments: PathSegment[] = [];
  // The limit keeps a text of a million dots from becoming a million strings.
  for (const text of path.split(".", MAX_SEGMENTS + 1)) {
    if (text === "") return "has an empty segment";
    // The string form of a mask is split at commas, so a bare one would come back as two paths.
    if (text.includes(",")) return "has a comma outside of backticks";
    segments.push({ text, quoted: false });
  }
  return segments;
}

function splitQuoted(path: string): PathSegment[] | string {
  const segments: PathSegment[] = [];
  for (let at = 0; segments.length <= MAX_SEGMENTS;) {
    const quoted = path[at] === "`";
    const start = quoted ? at + 1 : at;
    let end = path.indexOf(quoted ? "`" : ".", start);
    if (end < 0 && quoted) return "has a backtick that is not closed";
    if (end < 0) end = path.length;
    const text = path.slice(start, end);
    if (!quoted && text === "") return "has an empty segment";
    if (!quoted && text.includes("`")) return "has a backtick inside a segment";
    if (!quoted && text.includes(",")) return "has a comma outside of backticks";
    segments.push({ text, quoted });
    const next = quoted ? end + 1 : end;
    if (next === path.length) return segments;
    if (path[next] !== ".") return "has text after a closing backtick";
    at = next + 1;
  }
  return segments;
}
