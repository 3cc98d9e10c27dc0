// What generated filter functions call: one field's part of a message, as far as it is selected. Nothing in the result
// is shared with the input.

import { copyPlain } from "./plain-value.ts";
import { keepTree } from "./filter.ts";
import { readProperty } from "./property.ts";
import type { MessageSchema } from "./schema.ts";
import type { Selected } from "./selected.ts";
import { ALL, MapTree, NOTHING, checkType } from "./tree.ts";
import type { Mask, MessageTree, Selection } from "./tree.ts";
import { writeObject } from "./ts-proto.ts";

/** What is selected of a message, by the position of its fields. */
export type Slots = Pick<MessageTree, "fields">;

/** Copies what a tree selects of one message. Generated, one for each message type. */
export type Keep<T> = (message: T, tree: Slots) => T;

/** Copies of scalars in lists and maps. */
type Copy<T> = (value: T) => T;

/** ts-proto has undefined; JSON has null for the same. */
function isUnset(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

const wholes: Slots[] = [];

/** The tree that selects all of a message with so many fields. */
function whole(fieldCount: number): Slots {
  return (wholes[fieldCount] ??= { fields: Array.from({ length: fieldCount }, () => ALL) });
}

/**
 * Applies a mask to a whole message; `Places` says where it holds its fields. Throws a TypeError if the mask is for
 * another message type.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- generated code knows it, and no value does
export function applyMask<T extends object, Places, Chosen extends string>(
  message: T,
  mask: Mask<string, Chosen>,
  schema: MessageSchema,
  keep: Keep<T>,
): Selected<T, Places, Chosen> {
  checkType(mask, schema);
  const { selection } = mask;
  const tree = selection === ALL ? whole(schema.fields.length) : selection;
  return keep(message, tree === NOTHING ? { fields: [] } : tree) as Selected<T, Places, Chosen>;
}

/** For a message that is held as one value: a Date, a text, the value in a wrapper. */
export function valueKeep<T>(schema: MessageSchema): Keep<T> {
  return (value, tree) =>
    tree.fields.every((slot) => slot === ALL) && schema.form.copy !== undefined
      ? (schema.form.copy(value) as T)
      : (keepTree(schema, value, tree) as T);
}

/** Of a singular message. One that is unset stays unset; one that is set stays set, even if nothing in it is selected. */
export function messagePart<T>(
  value: T | undefined,
  selection: Selection | undefined,
  keep: Keep<NonNullable<T>>,
  fieldCount: number,
): T | undefined {
  if (selection === undefined || value === undefined || value === null) return undefined;
  return keep(value, selection === ALL ? whole(fieldCount) : (selection as MessageTree));
}

/** Of a list of messages. The number of elements stays. */
export function listPart<T>(
  values: readonly T[] | undefined,
  selection: Selection | undefined,
  keep: Keep<T>,
  fieldCount: number,
): T[] {
  if (selection === undefined || isUnset(values)) return [];
  const tree = selection === ALL ? whole(fieldCount) : (selection as MessageTree);
  return values.map((value) => keep(value, tree));
}

/** Of a list of anything else. */
export function scalarsPart<T>(
  values: readonly T[] | undefined,
  selection: Selection | undefined,
  copy?: Copy<T>,
): T[] {
  if (selection === undefined || isUnset(values)) return [];
  return copy === undefined ? values.slice() : values.map(copy);
}

/** Of a map of messages. Entries that are not selected are left out; keys that are not there are not made up. */
export function mapPart<K, V>(
  entries: Map<K, V> | undefined,
  selection: Selection | undefined,
  keep: Keep<NonNullable<V>>,
  fieldCount: number,
): Map<K, V> {
  const kept = new Map<K, V>();
  if (selection === undefined || isUnset(entries)) return kept;
  for (const [key, value] of entries) {
    const part = selection instanceof MapTree ? selection.entry(String(key)) : ALL;
    if (part === undefined) continue;
    const none = value === undefined || value === null;
    kept.set(key, none ? value : keep(value, part === ALL ? whole(fieldCount) : part));
  }
  return kept;
}

/** Of a map of anything else. */
export function scalarMapPart<K, V>(
  entries: Map<K, V> | undefined,
  selection: Selection | undefined,
  copy?: Copy<V>,
): Map<K, V> {
  const kept = new Map<K, V>();
  if (selection === undefined || isUnset(entries)) return kept;
  for (const [key, value] of entries) {
    if (selection instanceof MapTree && selection.entry(String(key)) === undefined) continue;
    kept.set(key, copy === undefined ? value : copy(value));
  }
  return kept;
}

/** Of a map of messages that is held as an object. */
export function objectPart<V>(
  entries: Readonly<Record<string, V>> | undefined,
  selection: Selection | undefined,
  keep: Keep<NonNullable<V>>,
  fieldCount: number,
): Record<string, V> {
  if (selection === undefined || isUnset(entries)) return {};
  return writeObject(mapPart(new Map(Object.entries(entries)), selection, keep, fieldCount));
}

/** Of a map of anything else that is held as an object. */
export function scalarObjectPart<V>(
  entries: Readonly<Record<string, V>> | undefined,
  selection: Selection | undefined,
  copy?: Copy<V>,
): Record<string, V> {
  if (selection === undefined || isUnset(entries)) return {};
  return writeObject(scalarMapPart(new Map(Object.entries(entries)), selection, copy));
}

/** Of the member of a oneof that is set. */
export function memberPart<T>(value: T, selection: Selection, keep: Keep<T>, fieldCount: number): T {
  return keep(value, selection === ALL ? whole(fieldCount) : (selection as MessageTree));
}

/** A property whose name is also one of Object.prototype: `constructor`, which is there even if the message has none. */
export function own<T extends object, K extends keyof T>(message: T, property: K): T[K] {
  return readProperty(message, property) as T[K];
}

/** A copy of bytes. A Buffer stays a Buffer, but does not share its memory, as its own `slice` would. */
export function copyBytes<T extends Uint8Array | undefined>(bytes: T): T {
  return isUnset(bytes) ? bytes : (Uint8Array.prototype.slice.call(bytes) as T);
}

/** A copy of what stands for a google.protobuf.Struct, Value or ListValue. */
export function copyOpaque<T>(value: T): T {
  return copyPlain(value) as T;
}
