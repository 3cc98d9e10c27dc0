// The mask of what changed. The promise: update(old, diff(old, new), new) equals new, presence included; unknown fields
// are not looked at, since no path names them.

import { equalItems, equalValues } from "./copy.ts";
import type { FieldSchema, MessageForm, MessageSchema } from "./schema.ts";
import { ALL, MapTree, MessageTree, NOTHING } from "./tree.ts";
import type { Mask, Selection } from "./tree.ts";

/** How to compare. */
export interface DiffOptions {
  /** Names single entries of maps, where their keys can be written in a path. Default false: the map as a whole. */
  readonly mapKeys?: boolean;
}

/**
 * The mask that names what has to be taken from `after` to make it of `before`: leaves where both have the message, the
 * message itself where it is emptied or gone. Lists, maps and the types of google.protobuf that stand for one value
 * (Timestamp, Struct, wrappers, …) are taken whole. Nothing changed: NOTHING, which is not the same as no mask.
 */
export function diffMessages(
  schema: MessageSchema,
  before: unknown,
  after: unknown,
  options: DiffOptions = {},
): Mask {
  const tree = diffTree(schema, before, after, options);
  return { schema, selection: tree ?? NOTHING };
}

function diffTree(
  schema: MessageSchema,
  before: unknown,
  after: unknown,
  options: DiffOptions,
): MessageTree | undefined {
  const { form, fields } = schema;
  const old = form.open(before);
  const now = form.open(after);
  const tree = new MessageTree(schema);
  for (const field of fields) {
    tree.fields[field.index] = diffValue(form, field, old[field.index], now[field.index], options);
  }
  return tree.fields.some((slot) => slot !== undefined) ? tree : undefined;
}

function diffValue(
  form: MessageForm,
  field: FieldSchema,
  old: unknown,
  now: unknown,
  options: DiffOptions,
): Selection | undefined {
  if (field.kind === "message" && field.message !== undefined && !field.message.isValue) {
    if (old === undefined) return now === undefined ? undefined : populatedTree(field.message, now);
    if (now === undefined) return ALL;
    if (isEmpty(field.message, now)) return isEmpty(field.message, old) ? undefined : ALL;
    return diffTree(field.message, old, now, options);
  }
  if (equalValues(form, field, old, now)) return undefined;
  if (field.kind !== "map" || options.mapKeys !== true || field.key === "bool") return ALL;
  return diffEntries(form, field, old, now) ?? ALL;
}

/** What is set in a message that was not there before. */
function populatedTree(schema: MessageSchema, message: unknown): typeof ALL | MessageTree {
  const { form, fields } = schema;
  const values = form.open(message);
  const tree = new MessageTree(schema);
  for (const field of fields) {
    const value = values[field.index];
    if (value === undefined) continue;
    const inside = field.kind === "message" && field.message?.isValue === false ? field.message : undefined;
    tree.fields[field.index] = inside === undefined ? ALL : populatedTree(inside, value);
  }
  return tree.fields.some((slot) => slot !== undefined) ? tree : ALL;
}

/** Undefined if a key that changed cannot be written in a path. */
function diffEntries(form: MessageForm, field: FieldSchema, old: unknown, now: unknown): MapTree | undefined {
  const before = (old as Map<string, unknown> | undefined) ?? new Map<string, unknown>();
  const after = (now as Map<string, unknown> | undefined) ?? new Map<string, unknown>();
  const keys = new Map<string, typeof ALL>();
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const both = before.has(key) && after.has(key);
    if (both && equalItems(form, field, before.get(key), after.get(key))) continue;
    if (key.includes("`")) return undefined;
    keys.set(key, ALL);
  }
  return new MapTree([{ keys, every: undefined }]);
}

function isEmpty(schema: MessageSchema, message: unknown): boolean {
  return schema.form.open(message).every((value) => value === undefined);
}
