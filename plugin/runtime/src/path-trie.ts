// Sets of paths as tries, without a schema. What is selected as a whole is ALL; all else is a PathNode. A node that is in
// a trie is not changed any more once the trie is built, so results may share nodes with what they are made of.

import type { Budget } from "./budget.ts";
import { isWildcard } from "./compile.ts";
import type { PathSegment } from "./path.ts";
import { formatPath, keySegment, parsePath } from "./path.ts";
import { compareText } from "./text.ts";
import { ALL } from "./tree.ts";

/** What is selected below some segments. */
export type PathPart = typeof ALL | PathNode;

/** What is selected, if it is not all. */
export class PathNode {
  readonly children = new Map<string, PathPart>();
  /** What is selected of every entry (`m.*.f`). A `*` at the end is not here: it makes the parent ALL. */
  every: PathNode | undefined;
}

const fieldName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The segments of a path, without a `*` at the end, as `r.*` is `r`; undefined for what is no path of any message. A key
 * (`*`, a text between backticks, or one that is no identifier) stands behind the name of a field only: otherwise `*.*`
 * would turn into everything, and `m.*.*` into `m`.
 */
export function readPath(path: string): readonly PathSegment[] | undefined {
  const parsed = parsePath(path);
  if (!parsed.ok) return undefined;
  const { segments } = parsed;
  if (path === "*") return [];
  for (const [i, segment] of segments.entries()) {
    const before = segments[i - 1];
    if (!isName(segment) && (before === undefined || !isName(before))) return undefined;
  }
  return isWildcard(segments.at(-1)) ? segments.slice(0, -1) : segments;
}

function isName({ text, quoted }: PathSegment): boolean {
  return !quoted && fieldName.test(text);
}

/** True if one path selects all that the other does. Both as `readPath` gives them. */
export function coversSegments(outer: readonly PathSegment[], inner: readonly PathSegment[]): boolean {
  return (
    outer.length <= inner.length &&
    outer.every((segment, i) => {
      const other = inner[i];
      return isWildcard(segment) || (!isWildcard(other) && segment.text === other?.text);
    })
  );
}

/** A trie of paths. */
export class PathTrie {
  #root: PathPart = new PathNode();
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get root(): PathPart {
    return this.#root;
  }

  /**
   * Adds a path as `readPath` gives it. What is no path is one segment, its text: it stays, so that whoever checks the
   * result sees it, and covers nothing but itself.
   */
  add(segments: readonly PathSegment[]): void {
    if (this.#root === ALL) return;
    if (segments.length === 0) this.#root = ALL;
    let node: PathPart = this.#root;
    for (const [i, segment] of segments.entries()) {
      if (node === ALL) return;
      node = this.#step(node, segment, i === segments.length - 1);
    }
  }

  #step(node: PathNode, segment: PathSegment, last: boolean): PathPart {
    if (isWildcard(segment)) {
      if (node.every === undefined) this.#budget.spend();
      node.every ??= new PathNode();
      return node.every;
    }
    let child = node.children.get(segment.text);
    if (child === undefined || (last && child !== ALL)) {
      this.#budget.spend();
      child = last ? ALL : new PathNode();
      node.children.set(segment.text, child);
    }
    return child;
  }
}

/** What both select; undefined if that is nothing. */
export function meetParts(
  a: PathPart | undefined,
  b: PathPart | undefined,
  budget: Budget,
): PathPart | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a === ALL) return b;
  if (b === ALL) return a;
  budget.spend(1 + a.children.size + (a.every === undefined ? 0 : b.children.size));
  const met = new PathNode();
  const put = (key: string, part: PathPart | undefined): void => {
    const joined = joinParts(met.children.get(key), part, budget);
    if (joined !== undefined) met.children.set(key, joined);
  };
  for (const [key, part] of a.children) {
    put(key, meetParts(part, b.children.get(key), budget));
    put(key, meetParts(part, b.every, budget));
  }
  if (a.every !== undefined) {
    for (const [key, part] of b.children) put(key, meetParts(a.every, part, budget));
    met.every = meetParts(a.every, b.every, budget) as PathNode | undefined;
  }
  return met.children.size === 0 && met.every === undefined ? undefined : met;
}

function joinParts(a: PathPart | undefined, b: PathPart | undefined, budget: Budget): PathPart | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a === ALL || b === ALL) return ALL;
  budget.spend(1 + a.children.size + b.children.size);
  const joined = new PathNode();
  for (const [key, part] of a.children) joined.children.set(key, part);
  for (const [key, part] of b.children) {
    joined.children.set(key, joinParts(joined.children.get(key), part, budget) ?? part);
  }
  joined.every = joinParts(a.every, b.every, budget) as PathNode | undefined;
  return joined;
}

/** The canonical paths of a trie: sorted by segments in the order of code points, none of them covered by another. */
export function listPaths(root: PathPart | undefined, budget: Budget): string[] {
  if (root === ALL) return ["*"];
  const paths: string[] = [];
  if (root !== undefined) listBelow(root, [], "", paths, budget);
  return paths;
}

/** @param others what else is selected of the same place, because of a `*` on the way: what it covers is left out */
function listBelow(
  node: PathNode,
  others: readonly PathNode[],
  prefix: string,
  paths: string[],
  budget: Budget,
): void {
  const { children, every } = node;
  budget.spend(1 + children.size * (1 + others.length));
  const places: { text: string; part: PathPart; star: boolean }[] = [];
  if (every !== undefined) places.push({ text: "*", part: every, star: true });
  for (const [text, part] of children) places.push({ text, part, star: false });
  for (const { text, part, star } of places.toSorted((a, b) => compareText(a.text, b.text))) {
    const alsoHere: (PathPart | undefined)[] = star ? [] : [every];
    for (const other of others) alsoHere.push(star ? undefined : other.children.get(text), other.every);
    if (alsoHere.includes(ALL)) continue;
    // What stands first is no key: a name, or a text that is no path at all.
    const bare = star || prefix === "";
    const path = prefix + (bare ? text : formatPath([keySegment(text)]));
    if (part === ALL) paths.push(path);
    else {
      const below = alsoHere.filter((other): other is PathNode => other instanceof PathNode);
      listBelow(part, below, `${path}.`, paths, budget);
    }
  }
}
