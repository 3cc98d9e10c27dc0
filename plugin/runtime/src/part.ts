// What generated filter functions call: one field's part of a message, as far as it is selected. Parts that are
// selected whole are shared with the input, not copied.

import type { MessageSchema } from "./schema.ts";
import { ALL, MapTree, MessageTree, NOTHING } from "./tree.ts";
import type { Mask, Selection } from "./tree.ts";

/** Copies what a tree selects of one message. Generated, one for each message type. */
export type Keep<T> = (message: T, tree: MessageTree) => T;

/** Applies a mask to a whole message. Throws a TypeError if the mask is for another message type. */
export function applyMask<T extends object>(message: T, mask: Mask, schema: MessageSchema, keep: Keep<T>): T {
  // Two files may each have their own table of one message; generated from one proto, they are alike.
  if (mask.schema !== schema && mask.schema.typeName !== schema.typeName) {
    throw new TypeError(`a mask for ${mask.schema.typeName} does not fit ${schema.typeName}`);
  }
  const { selection } = mask;
  if (selection === ALL) return { ...message };
  return keep(message, selection === NOTHING ? new MessageTree(schema) : selection);
}

/** Of a singular message. One that is unset stays unset; one that is set stays set, even if nothing in it is selected. */
export function messagePart<T>(
  value: T | undefined,
  selection: Selection | undefined,
  keep: Keep<NonNullable<T>>,
): T | undefined {
  if (selection === undefined || value === undefined || value === null) return undefined;
  return selection instanceof MessageTree ? keep(value, selection) : value;
}

/** Of a list of messages. The number of elements stays. */
export function listPart<T>(values: T[], selection: Selection | undefined, keep: Keep<T>): T[] {
  if (selection === undefined) return [];
  if (!(selection instanceof MessageTree)) return values;
  return values.map((value) => keep(value, selection));
}

/** Of a map. Entries that are not selected are left out; keys that are not there are not made up. */
export function mapPart<K, V>(
  entries: Map<K, V>,
  selection: Selection | undefined,
  keep?: Keep<NonNullable<V>>,
): Map<K, V> {
  if (selection === undefined) return new Map();
  if (!(selection instanceof MapTree)) return entries;
  const kept = new Map<K, V>();
  for (const [key, value] of entries) {
    const part = selection.entry(String(key));
    if (part === undefined) continue;
    const whole = part === ALL || keep === undefined || value === undefined || value === null;
    kept.set(key, whole ? value : keep(value, part));
  }
  return kept;
}

/** Of a google.protobuf.Timestamp that is held as a Date: its fields are `seconds` and `nanos`. */
export function datePart(value: Date, { fields }: MessageTree): Date {
  const time = value.getTime();
  const millis = ((time % 1000) + 1000) % 1000;
  return new Date((fields[0] === ALL ? time - millis : 0) + (fields[1] === ALL ? millis : 0));
}

/** Of a message with a single field that is held as the bare value of that field: wrappers and FieldMask. */
export function unwrappedPart<T>(zero: () => T): Keep<T> {
  return (value, { fields }) => (fields[0] === undefined ? zero() : value);
}

/** Of the member of a oneof that is set. */
export function memberPart<T>(value: T, selection: Selection, keep: Keep<T>): T {
  return selection instanceof MessageTree ? keep(value, selection) : value;
}
