// Two questions about a mask. `includes`: is all of this selected? `touches`: is anything of it selected, so that it
// has to be read? With the mask `response.status`, only the second is true of `response`.

import { isWildcard } from "./compile.ts";
import { keyProblem } from "./map-key.ts";
import { parsePath } from "./path.ts";
import type { PathSegment } from "./path.ts";
import type { FieldSchema, MessageSchema } from "./schema.ts";
import { ALL, MapTree, MessageTree, NOTHING, checkOrigin } from "./tree.ts";
import type { Mask, Selection } from "./tree.ts";

/** True if the mask selects all of `path`. A parent covers its children. False for what is no path of the message. */
export function includes<Path extends string>(mask: Mask<Path>, path: NoInfer<Path> | "*"): boolean {
  return look(mask, path) === ALL;
}

/** True if the mask selects `path`, or anything below it. False for what is no path of the message. */
export function touches<Path extends string>(mask: Mask<Path>, path: NoInfer<Path> | "*"): boolean {
  return look(mask, path) !== undefined;
}

/** What the mask selects of a path. Of the tree that is found, it only matters that there is one. */
function look(mask: Mask, path: string): Selection | undefined {
  checkOrigin(mask);
  const { schema, selection } = mask;
  const root = selection === NOTHING ? undefined : selection;
  if (path === "*") return root;
  // Most questions are about a field of the message itself.
  const direct = schema.field(path);
  if (direct !== undefined) return root instanceof MessageTree ? root.fields[direct.index] : root;
  const parsed = parsePath(path);
  return parsed.ok ? lookBelow(schema, root, parsed.segments, 0) : undefined;
}

function lookBelow(
  schema: MessageSchema,
  start: Selection | undefined,
  segments: readonly PathSegment[],
  at: number,
): Selection | undefined {
  const name = segments[at];
  if (name === undefined) return start;
  const field = name.quoted ? undefined : schema.field(name.text);
  if (field === undefined) return undefined;
  const selection = start instanceof MessageTree ? start.fields[field.index] : start;
  let next = at + 1;
  if (field.kind === "list" && isWildcard(segments[next])) next++;
  const rest = segments[next];
  if (rest === undefined) return selection;
  if (field.kind === "map") return lookIntoMap(field, selection, segments, next);
  return field.message === undefined ? undefined : lookBelow(field.message, selection, segments, next);
}

function lookIntoMap(
  field: FieldSchema,
  selection: Selection | undefined,
  segments: readonly PathSegment[],
  at: number,
): Selection | undefined {
  const key = segments[at];
  if (key === undefined) return selection;
  const below = (entry: Selection | undefined): Selection | undefined => {
    if (at + 1 === segments.length) return entry;
    return field.message === undefined ? undefined : lookBelow(field.message, entry, segments, at + 1);
  };
  if (!isWildcard(key)) {
    if (keyProblem(field.key ?? "string", key.text) !== undefined) return undefined;
    return below(selection instanceof MapTree ? selection.entry(key.text) : selection);
  }
  if (!(selection instanceof MapTree)) return below(selection);
  // `m.*` is covered by what is selected of every entry, and touched by what is selected of any.
  if (at + 1 === segments.length) return selection;
  for (const { every } of selection.layers) if (below(every) === ALL) return ALL;
  for (const { keys, every } of selection.layers) {
    for (const entry of [every, ...keys.values()]) if (below(entry) !== undefined) return selection;
  }
  return undefined;
}
