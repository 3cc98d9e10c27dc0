// Sets of paths, without a schema: what field_mask.proto calls canonical form, union and intersection. A list of paths
// stands for what it names, so that `[]` is nothing here. In a request it means everything: a result that goes on to be
// compiled needs `{ emptyMask: "nothing" }`. Not knowing the schema, all take a path for one that fits it: `a.*` is `a`,
// and `r.f`, which reads may write for `r.*.f`, is another path. Masks that are compiled know better (algebra.ts).

import { Budget } from "./budget.ts";
import { MAX_STEPS } from "./limits.ts";
import { PathTrie, coversSegments, listPaths, meetParts, readPath } from "./path-trie.ts";

/**
 * The canonical form of a set of paths: sorted by segments in byte order, without duplicates and without paths that
 * another one covers. Empty strings are dropped; `*` covers all; `r.*` is `r`; ``m.`k` `` is `m.k`; `m.*.f` covers
 * `m.k.f`. What is no path of any message, such as `a..b` or `*.a`, stays as it is and covers nothing but itself: left
 * out, a mask with nothing else would become an empty one. Throws a RangeError beyond MAX_STEPS.
 */
export function normalizePaths(paths: readonly string[]): string[] {
  return unionPaths(paths);
}

/** All that any of the sets selects, in canonical form (see `normalizePaths`). */
export function unionPaths(...lists: readonly (readonly string[])[]): string[] {
  const budget = startBudget();
  const trie = new PathTrie(budget);
  for (const paths of lists) addAll(trie, paths);
  return listPaths(trie.root, budget);
}

/** What all of the sets select, in canonical form (see `normalizePaths`). `[]` is nothing: do not send it as a mask. */
export function intersectPaths(
  first: readonly string[],
  ...others: readonly (readonly string[])[]
): string[] {
  const budget = startBudget();
  const [root, ...rest] = [first, ...others].map((paths) => {
    const trie = new PathTrie(budget);
    addAll(trie, paths);
    return trie.root;
  });
  return listPaths(
    rest.reduce((met, part) => meetParts(met, part, budget), root),
    budget,
  );
}

/**
 * True if one of the paths selects all of `path`. Without a mask (undefined) everything is selected. False for the empty
 * string, and for what is no path of any message.
 */
export function coversPath(paths: readonly string[] | undefined, path: string): boolean {
  const inner = readPath(path);
  if (inner === undefined) return false;
  if (paths === undefined) return true;
  return paths.some((each) => {
    const outer = readPath(each);
    return outer !== undefined && coversSegments(outer, inner);
  });
}

function addAll(trie: PathTrie, paths: readonly string[]): void {
  for (const path of paths) {
    if (path !== "") trie.add(readPath(path) ?? [{ text: path, quoted: true }]);
  }
}

function startBudget(): Budget {
  return new Budget(MAX_STEPS, "these paths are too many to be compared");
}
