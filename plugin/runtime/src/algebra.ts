// Union, intersection and difference of compiled masks. What comes out empty is NOTHING, never everything. Results may
// share trees with the masks that they are made of; masks are never changed.

import { Budget } from "./budget.ts";
import { MAX_TREES } from "./limits.ts";
import { firstPath, isEmpty } from "./mask-paths.ts";
import { formatPath, keySegment } from "./path.ts";
import type { PathSegment } from "./path.ts";
import type { FieldSchema, MessageSchema } from "./schema.ts";
import { shorten } from "./text.ts";
import { ALL, MapTree, MessageTree, NOTHING, checkOrigin, checkType, joinMessages } from "./tree.ts";
import type { MapLayer, Mask, MessagePart, Selection } from "./tree.ts";

/** What any of the masks selects. Throws a TypeError if they are for different message types. */
export function unionMasks<Path extends string>(
  mask: Mask<Path>,
  ...others: readonly Mask<Path>[]
): Mask<Path> {
  return combine(mask, others, uniteMessages);
}

/**
 * What all of the masks select. Throws a TypeError if they are for different message types, and a RangeError if the
 * result would have more than MAX_TREES trees.
 */
export function intersectMasks<Path extends string>(
  mask: Mask<Path>,
  ...others: readonly Mask<Path>[]
): Mask<Path> {
  const intersection = new Intersection();
  return combine(mask, others, (a, b) => intersection.ofMessages(a, b));
}

/**
 * What the first mask selects and none of the others does. A parent that loses a child becomes its other children:
 * `contact` without `contact.email` is all other fields of contact, and `*` without `name` all other fields. A parent
 * that loses all children vanishes. Throws a TypeError if the masks are for different message types; a RangeError if no
 * paths can say the result, as that of a map without one of its keys, and if it would have more than MAX_TREES trees.
 */
export function subtractMasks<Path extends string>(
  mask: Mask<Path>,
  ...others: readonly Mask<Path>[]
): Mask<Path> {
  const { schema } = mask;
  const [first, ...rest] = others;
  if (first === undefined) return mask;
  const gone = combine(first, rest, uniteMessages);
  return combine(mask, [gone], (a, b) => new Subtraction().ofMessages(schema, a, b, []));
}

type Part = MessagePart | undefined;
type Slot = Selection | undefined;

function combine<Path extends string>(
  mask: Mask<Path>,
  others: readonly Mask<Path>[],
  operation: (a: Part, b: Part) => Part,
): Mask<Path> {
  checkOrigin(mask);
  const { schema, selection } = mask;
  let part = selection === NOTHING ? undefined : selection;
  for (const other of others) {
    checkType(other, schema);
    part = operation(part, other.selection === NOTHING ? undefined : other.selection);
  }
  const result: Mask<Path> = { schema, selection: part ?? NOTHING };
  return isEmpty(result) ? { schema, selection: NOTHING } : result;
}

function startBudget(): Budget {
  return new Budget(MAX_TREES, `the result has more than ${MAX_TREES} trees`);
}

function uniteMessages(a: Part, b: Part): Part {
  if (a === undefined || b === undefined) return a ?? b;
  return a === ALL || b === ALL ? ALL : byField(a, b, uniteFields);
}

function uniteFields(a: Slot, b: Slot): Slot {
  if (a === undefined || b === undefined) return a ?? b;
  if (a === ALL || b === ALL) return ALL;
  if (a instanceof MapTree) {
    return b instanceof MapTree ? new MapTree([flatten([...a.layers, ...b.layers])]) : a;
  }
  return b instanceof MapTree ? a : uniteMessages(a, b);
}

/** Layers of one map as one. The result of joining masks again and again does not get slower to use than it must. */
function flatten(layers: readonly MapLayer[]): MapLayer {
  const [only] = layers;
  if (only !== undefined && layers.length === 1) return only;
  const flat: MapLayer = { keys: new Map(), every: undefined };
  for (const { keys, every } of layers) {
    for (const [key, part] of keys) flat.keys.set(key, joinMessages(flat.keys.get(key), part) ?? part);
    flat.every = joinMessages(flat.every, every);
  }
  return flat;
}

/** A tree of what an operation makes of each field. */
function byField(a: MessageTree, b: MessageTree, operation: (a: Slot, b: Slot) => Slot): MessageTree {
  const tree = new MessageTree(a.schema);
  for (let i = 0; i < tree.fields.length; i++) tree.fields[i] = operation(a.fields[i], b.fields[i]);
  return tree;
}

function isBare(tree: MessageTree): boolean {
  return tree.fields.every((slot) => slot === undefined);
}

/** An intersection, as far as it is worked out. */
class Intersection {
  readonly #budget = startBudget();

  ofMessages(a: MessageTree | undefined, b: MessageTree | undefined): MessageTree | undefined;
  ofMessages(a: Part, b: Part): Part;
  ofMessages(a: Part, b: Part): Part {
    if (a === undefined || b === undefined) return undefined;
    if (a === ALL) return b;
    if (b === ALL) return a;
    this.#budget.spend();
    const met = byField(a, b, (left, right) => this.#ofFields(left, right));
    return isBare(met) ? undefined : met;
  }

  #ofFields(a: Slot, b: Slot): Slot {
    if (a === undefined || b === undefined) return undefined;
    if (a === ALL) return b;
    if (b === ALL) return a;
    if (a instanceof MapTree) {
      return b instanceof MapTree ? this.#ofMaps(flatten(a.layers), flatten(b.layers)) : undefined;
    }
    return b instanceof MapTree ? undefined : this.ofMessages(a, b);
  }

  #ofMaps(a: MapLayer, b: MapLayer): MapTree | undefined {
    const met: MapLayer = { keys: new Map(), every: this.ofMessages(a.every, b.every) };
    const put = (key: string, part: Part): void => {
      const joined = joinMessages(met.keys.get(key), part);
      if (joined !== undefined) met.keys.set(key, joined);
    };
    for (const [key, part] of a.keys) {
      put(key, this.ofMessages(part, b.keys.get(key)));
      put(key, this.ofMessages(part, b.every));
    }
    for (const [key, part] of b.keys) put(key, this.ofMessages(a.every, part));
    return met.every === undefined && met.keys.size === 0 ? undefined : new MapTree([met]);
  }
}

/** A difference, as far as it is worked out. `at` is where: the names and keys above. */
class Subtraction {
  readonly #budget = startBudget();
  readonly #common = new Intersection();

  /** Gives `a` itself if `b` takes nothing away. Without a schema the parts are whole or not there. */
  ofMessages(schema: MessageSchema | undefined, a: Part, b: Part, at: readonly PathSegment[]): Part {
    if (a === undefined || b === ALL) return undefined;
    if (b === undefined || schema === undefined) return a;
    this.#budget.spend();
    const rest = new MessageTree(schema);
    let changed = false;
    for (const field of schema.fields) {
      const before = a === ALL ? ALL : a.fields[field.index];
      const after = this.#ofFields(field, before, b.fields[field.index], at);
      rest.fields[field.index] = after;
      changed ||= before !== after;
    }
    if (!changed) return a;
    return isBare(rest) ? undefined : rest;
  }

  #ofFields(field: FieldSchema, a: Slot, b: Slot, above: readonly PathSegment[]): Slot {
    if (a === undefined || b === ALL) return undefined;
    if (b === undefined) return a;
    const at = [...above, { text: field.name, quoted: false }];
    if (b instanceof MapTree) {
      return a instanceof MessageTree ? a : this.#ofMaps(field.message, a, flatten(b.layers), at);
    }
    if (a instanceof MapTree) return a;
    return this.ofMessages(field.message, a, b, field.kind === "list" ? [...at, wildcard] : at);
  }

  #ofMaps(
    schema: MessageSchema | undefined,
    a: typeof ALL | MapTree,
    b: MapLayer,
    at: readonly PathSegment[],
  ): Slot {
    const before = a === ALL ? wholeMap : flatten(a.layers);
    const every = this.ofMessages(schema, before.every, b.every, [...at, wildcard]);
    for (const [key, part] of b.keys) this.#checkEntry(every, key, part, at);
    const keys = new Map<string, MessagePart>();
    let changed = before.every !== every;
    for (const [key, part] of before.keys) {
      // At once: what no mask could lack alone may go together with more.
      const gone = joinMessages(b.keys.get(key), b.every);
      const rest = this.ofMessages(schema, part, gone, [...at, keySegment(key)]);
      if (rest !== undefined) keys.set(key, rest);
      changed ||= part !== rest;
    }
    if (!changed || every === ALL) return a;
    return every === undefined && keys.size === 0 ? undefined : new MapTree([{ keys, every }]);
  }

  /** Throws if something of one entry is to go that stays selected of all others: no path says "all but one". */
  #checkEntry(every: Part, key: string, part: MessagePart, at: readonly PathSegment[]): void {
    const common = this.#common.ofMessages(every, part);
    const below = common === undefined || common === ALL ? [] : firstPath(common);
    if (common === undefined || below === undefined) return;
    const kept = every === ALL ? at : [...at, wildcard, ...below];
    const gone = [...at, keySegment(key), ...below];
    throw new RangeError(`no mask selects ${shortPath(kept)} without ${shortPath(gone)}`);
  }
}

const wildcard: PathSegment = { text: "*", quoted: false };

const wholeMap = { keys: new Map<string, MessagePart>(), every: ALL } as const;

function shortPath(segments: readonly PathSegment[]): string {
  return shorten(formatPath(segments), 256);
}
