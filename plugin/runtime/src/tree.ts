// A compiled mask: what is selected, by field position, so that applying it looks no name up. ALL, NOTHING and a tree
// are three different things: a set operation that comes out empty must never turn into "everything".

import type { MessageSchema } from "./schema.ts";

/** The whole of a message, or of one field. */
export const ALL: unique symbol = Symbol("fieldmask.all");
/** No field at all. */
export const NOTHING: unique symbol = Symbol("fieldmask.nothing");

/** What is selected of one message, or of every element of a list. */
export type MessagePart = typeof ALL | MessageTree;

/** What is selected of one field. A field that is not selected has no Selection: its slot is undefined. */
export type Selection = MessagePart | MapTree;

/** What is selected of one message type, or of every element of a list of it. */
export class MessageTree {
  readonly schema: MessageSchema;
  /** By `FieldSchema.index`. */
  readonly fields: (Selection | undefined)[];

  constructor(schema: MessageSchema) {
    this.schema = schema;
    this.fields = Array.from({ length: schema.fields.length }, () => undefined);
  }
}

/** What is selected of the entries of one map. */
export interface MapLayer {
  /** What is selected of single entries, by the canonical text of their keys. */
  readonly keys: Map<string, MessagePart>;
  /** What is selected of every entry (`m.*.f`). */
  every: MessageTree | undefined;
}

/**
 * What is selected of a map. Two maps are joined by laying one over the other: copying the keys of `m.*` into every
 * named entry would let a small mask grow with the square of its size.
 */
export class MapTree {
  readonly layers: readonly MapLayer[];

  constructor(layers: readonly MapLayer[]) {
    this.layers = layers;
  }

  /** What is selected of the entry with this key. */
  entry(key: string): MessagePart | undefined {
    let found: MessagePart | undefined;
    for (const { keys, every } of this.layers) {
      found = joinMessages(joinMessages(found, keys.get(key)), every);
    }
    return found;
  }
}

declare const pathType: unique symbol;
declare const chosenType: unique symbol;

/**
 * A compiled mask for one message type, whose paths are `Path`. Immutable: keep it, and apply it to as many messages as
 * you like. `Chosen` are the paths that it selects, where they are known as literals.
 */
export interface Mask<Path extends string = string, Chosen extends string = string> {
  readonly schema: MessageSchema;
  readonly selection: typeof ALL | typeof NOTHING | MessageTree;
  /**
   * True if there was no mask, or an empty one (AIP-134: the same). It selects ALL, as a read takes it; an update by it
   * takes what is populated, and pruning or merging by it does nothing.
   */
  readonly absent?: true;
  /** Exists only for the type checker: the paths that may be asked about. */
  readonly [pathType]?: Path;
  readonly [chosenType]?: Chosen;
}

/**
 * Throws a TypeError if a mask was made by another copy of this package, whose ALL and trees are not the ones that are
 * known here: asked all the same, it would answer wrongly.
 */
export function checkOrigin({ selection }: Mask): void {
  if (selection === ALL || selection === NOTHING || selection instanceof MessageTree) return;
  throw new TypeError("the mask was made by another copy of @fieldpost/fieldmask; install one only");
}

/**
 * Throws a TypeError if a mask is for another message type, or of another copy of this package. Two files may each have
 * their own table of one message; generated from one proto, they are alike.
 */
export function checkType(mask: Mask, schema: MessageSchema): void {
  if (mask.schema === schema) return;
  checkOrigin(mask);
  if (mask.schema.typeName !== schema.typeName) {
    throw new TypeError(`a mask for ${mask.schema.typeName} does not fit ${schema.typeName}`);
  }
}

// Depth is bounded by MAX_SEGMENTS; the cost is that of the part that both sides have, not of their sum.
function join(a: Selection | undefined, b: Selection | undefined): Selection | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a === ALL || b === ALL) return ALL;
  if (a instanceof MapTree) return b instanceof MapTree ? new MapTree([...a.layers, ...b.layers]) : a;
  return b instanceof MapTree ? a : joinMessages(a, b);
}

/** What either of two selections of one message type selects. The result may share trees with both. */
export function joinMessages(a: MessageTree | undefined, b: MessageTree | undefined): MessageTree | undefined;
export function joinMessages(a: MessagePart | undefined, b: MessagePart | undefined): MessagePart | undefined;
export function joinMessages(
  a: MessagePart | undefined,
  b: MessagePart | undefined,
): MessagePart | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a === ALL || b === ALL) return ALL;
  const joined = new MessageTree(a.schema);
  for (let i = 0; i < joined.fields.length; i++) joined.fields[i] = join(a.fields[i], b.fields[i]);
  return joined;
}
