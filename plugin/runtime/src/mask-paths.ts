// From a compiled mask back to paths.

import { Budget } from "./budget.ts";
import { MAX_STEPS } from "./limits.ts";
import type { PathSegment } from "./path.ts";
import { PathTrie, listPaths } from "./path-trie.ts";
import type { FieldSchema } from "./schema.ts";
import { ALL, MapTree, NOTHING, checkOrigin } from "./tree.ts";
import type { Mask, MessageTree, Selection } from "./tree.ts";

/**
 * The canonical paths of a mask: sorted by segments in byte order, none covered by another, `*` spelled out below lists
 * (`r.*.f`), keys between backticks where they need it. All is `["*"]`, nothing is `[]`: sent as a mask, that would mean
 * everything. Throws a RangeError beyond MAX_STEPS.
 */
export function maskPaths(mask: Mask): string[] {
  checkOrigin(mask);
  const { selection } = mask;
  if (selection === ALL) return ["*"];
  if (selection === NOTHING) return [];
  const budget = new Budget(MAX_STEPS, "the mask has too many paths");
  const trie = new PathTrie(budget);
  for (const segments of selectedBelow(selection, [])) trie.add(segments);
  return listPaths(trie.root, budget);
}

/** True if a mask selects no field. So is one that only names parents, such as a lenient one of `contact.nope`. */
export function isEmpty(mask: Mask): boolean {
  checkOrigin(mask);
  const { selection } = mask;
  return selection === NOTHING || (selection !== ALL && firstPath(selection) === undefined);
}

/** A path that a part of a mask selects, relative to it; undefined if it selects none. */
export function firstPath(tree: MessageTree): readonly PathSegment[] | undefined {
  for (const segments of selectedBelow(tree, [])) return segments;
  return undefined;
}

const wildcard: PathSegment = { text: "*", quoted: false };

/** Each thing that is selected, some perhaps twice or as part of another. */
function* selectedBelow(tree: MessageTree, at: readonly PathSegment[]): Generator<readonly PathSegment[]> {
  for (const field of tree.schema.fields) {
    const selection = tree.fields[field.index];
    if (selection === undefined) continue;
    yield* selectedOf(field, selection, [...at, { text: field.name, quoted: false }]);
  }
}

function* selectedOf(
  field: FieldSchema,
  selection: Selection,
  at: readonly PathSegment[],
): Generator<readonly PathSegment[]> {
  if (selection === ALL) {
    yield at;
  } else if (selection instanceof MapTree) {
    for (const { keys, every } of selection.layers) {
      if (every !== undefined) yield* selectedBelow(every, [...at, wildcard]);
      for (const [key, part] of keys) {
        const entry = [...at, { text: key, quoted: true }];
        if (part === ALL) yield entry;
        else yield* selectedBelow(part, entry);
      }
    }
  } else {
    yield* selectedBelow(selection, field.kind === "list" ? [...at, wildcard] : at);
  }
}
