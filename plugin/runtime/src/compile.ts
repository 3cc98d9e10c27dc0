// Turns paths into a tree, leniently: a path that names nothing selects nothing. Parents that it did name are kept,
// empty, as the C++ library does: `contact.nope` gives `contact: {}`. Strictness is check.ts's work.

import { findField } from "./field-names.ts";
import type { FieldNames } from "./field-names.ts";
import { MAX_PATHS, MAX_TREES } from "./limits.ts";
import { keyProblem } from "./map-key.ts";
import type { PathSegment } from "./path.ts";
import { parsePath } from "./path.ts";
import type { FieldSchema, MessageSchema } from "./schema.ts";
import { ALL, MapTree, MessageTree, NOTHING } from "./tree.ts";
import type { Mask } from "./tree.ts";

/** A mask, and the first path that did not fit into it any more (see limits.ts). */
export interface Compiled {
  readonly mask: Mask;
  readonly refusedAt: number | undefined;
  /** How many fields its trees have a slot for: what it costs in memory. */
  readonly slots: number;
}

/** How many trees a mask may still get, and how many slots those have that it has. */
interface Growth {
  trees: number;
  slots: number;
}

/** Compiles a list that holds at least one path. */
export function compilePaths(schema: MessageSchema, paths: readonly string[], names: FieldNames): Compiled {
  if (paths.includes("*")) return { mask: { schema, selection: ALL }, refusedAt: undefined, slots: 0 };
  const root = new MessageTree(schema);
  const growth: Growth = { trees: MAX_TREES, slots: root.fields.length };
  let refusedAt = paths.length > MAX_PATHS ? MAX_PATHS : undefined;
  for (let i = 0; i < paths.length && i < MAX_PATHS; i++) {
    const path = paths[i];
    if (typeof path !== "string") continue;
    const parsed = parsePath(path);
    if (parsed.ok && !select(root, parsed.segments, names, growth)) refusedAt = Math.min(refusedAt ?? i, i);
  }
  const selection = root.fields.every((slot) => slot === undefined) ? NOTHING : root;
  return { mask: { schema, selection }, refusedAt, slots: growth.slots };
}

/** Adds one path. False if the mask has become too large for it. */
function select(
  root: MessageTree,
  segments: readonly PathSegment[],
  names: FieldNames,
  growth: Growth,
): boolean {
  let tree = root;
  for (let i = 0; ;) {
    const name = segments[i++];
    const field = name === undefined || name.quoted ? undefined : findField(tree.schema, name.text, names);
    if (field === undefined) return true;
    if (tree.fields[field.index] === ALL) return true;

    // Under a list stands `*`; reads may leave it out, so `r.f` is `r.*.f`.
    if (field.kind === "list" && isWildcard(segments[i])) i++;
    const rest = segments[i];
    if (rest === undefined) {
      tree.fields[field.index] = ALL;
      return true;
    }
    if (field.kind === "scalar") return true;
    if (field.kind === "map") {
      i++;
      const last = i === segments.length;
      if (isWildcard(rest) && last) {
        tree.fields[field.index] = ALL;
        return true;
      }
      const entry = selectEntry(tree, field, rest, last, growth);
      if (typeof entry === "boolean") return entry;
      tree = entry;
      continue;
    }
    const slot = tree.fields[field.index];
    if (slot instanceof MessageTree) {
      tree = slot;
      continue;
    }
    if (field.message === undefined) return true;
    const child = grow(field.message, growth);
    if (child === undefined) return false;
    tree.fields[field.index] = child;
    tree = child;
  }
}

/** Goes into a map: gives the tree of one entry, or of every entry, or what `select` shall return. */
function selectEntry(
  tree: MessageTree,
  field: FieldSchema,
  segment: PathSegment,
  last: boolean,
  growth: Growth,
): MessageTree | boolean {
  const everyEntry = isWildcard(segment);
  if (!everyEntry && keyProblem(field.key ?? "string", segment.text) !== undefined) return true;
  if (!last && field.message === undefined) return true;
  let map = tree.fields[field.index];
  if (!(map instanceof MapTree)) {
    if (growth.trees-- <= 0) return false;
    map = new MapTree([{ keys: new Map(), every: undefined }]);
    tree.fields[field.index] = map;
  }
  const layer = map.layers[0];
  if (layer === undefined) return true;
  const found = everyEntry ? layer.every : layer.keys.get(segment.text);
  if (found === ALL) return true;
  if (last) {
    layer.keys.set(segment.text, ALL);
    return true;
  }
  if (found !== undefined) return found;
  if (field.message === undefined) return true;
  const child = grow(field.message, growth);
  if (child === undefined) return false;
  if (everyEntry) layer.every = child;
  else layer.keys.set(segment.text, child);
  return child;
}

/** A tree for what a path goes into; undefined if the mask has become too large. */
function grow(schema: MessageSchema, growth: Growth): MessageTree | undefined {
  if (growth.trees-- <= 0) return undefined;
  growth.slots += schema.fields.length;
  return new MessageTree(schema);
}

/** True for a bare `*`. Between backticks it is a key. */
export function isWildcard(segment: PathSegment | undefined): boolean {
  return segment !== undefined && !segment.quoted && segment.text === "*";
}
