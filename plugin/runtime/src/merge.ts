// Merging by a mask as FieldMaskUtil of protobuf's own Java and C++ libraries does it, for those who need the same
// result. New services update by AIP-134 instead (update.ts).

import { copyMessage, copyValue, mapValues } from "./copy.ts";
import type { FieldSchema, MessageForm, MessageSchema } from "./schema.ts";
import { ALL, MapTree, NOTHING, checkType } from "./tree.ts";
import type { Mask, MessageTree, Selection } from "./tree.ts";

/** How to merge; the names and defaults are those of FieldMaskUtil.MergeOptions. */
export interface MergeOptions {
  /** A message that is named is replaced, and cleared if the source has none. Default false: merged field by field. */
  readonly replaceMessageFields?: boolean;
  /** A list or map that is named is replaced. Default false: elements are appended, entries are put. */
  readonly replaceRepeatedFields?: boolean;
}

/**
 * A new message: `target` with what the mask names merged from `source`. No mask, or an empty one, names nothing. Both
 * arguments stay as they are. Throws a RangeError if the mask goes into a list, and a TypeError if it is for another
 * message type.
 */
export function mergeMessage(
  schema: MessageSchema,
  target: unknown,
  source: unknown,
  mask: Mask | undefined,
  options: MergeOptions = {},
): unknown {
  if (mask !== undefined) checkType(mask, schema);
  if (mask === undefined || mask.absent === true || mask.selection === NOTHING) {
    return copyMessage(schema, target);
  }
  if (mask.selection === ALL) return mergeFields(schema, target, source, () => ALL, options);
  return mergeTree(schema, target, source, mask.selection, options);
}

function mergeTree(
  schema: MessageSchema,
  target: unknown,
  source: unknown,
  tree: MessageTree,
  options: MergeOptions,
): unknown {
  return mergeFields(schema, target, source, (field) => tree.fields[field.index], options);
}

function mergeFields(
  schema: MessageSchema,
  target: unknown,
  source: unknown,
  selectionOf: (field: FieldSchema) => Selection | undefined,
  options: MergeOptions,
): unknown {
  const { form, fields } = schema;
  const into = target === undefined ? [] : form.open(target);
  const from = source === undefined ? [] : form.open(source);
  const merged = fields.map((field) => {
    const selection = selectionOf(field);
    const given = selection === undefined ? undefined : from[field.index];
    return mergeValue(form, field, into[field.index], given, selection, options);
  });
  for (const field of fields) {
    const taken = selectionOf(field) !== undefined && from[field.index] !== undefined;
    if (taken) for (const other of field.siblings) merged[other] = undefined;
  }
  return form.close(merged, target);
}

function mergeValue(
  form: MessageForm,
  field: FieldSchema,
  into: unknown,
  from: unknown,
  selection: Selection | undefined,
  options: MergeOptions,
): unknown {
  if (selection === undefined) return copy(form, field, into);
  if (selection === ALL) return mergeLeaf(form, field, into, from, options);
  if (selection instanceof MapTree) return mergeEntries(form, field, into, from, selection, options);
  if (field.kind === "list") {
    throw new RangeError(`${field.name}: a merge takes a list as a whole`);
  }
  if (field.message === undefined || (into === undefined && from === undefined)) return undefined;
  return mergeTree(field.message, into, from, selection, options);
}

function mergeLeaf(
  form: MessageForm,
  field: FieldSchema,
  into: unknown,
  from: unknown,
  options: MergeOptions,
): unknown {
  switch (field.kind) {
    case "list":
      if (options.replaceRepeatedFields === true) return copy(form, field, from);
      return copy(form, field, [...((into as unknown[]) ?? []), ...((from as unknown[]) ?? [])]);
    case "map":
      if (options.replaceRepeatedFields === true) return copy(form, field, from);
      return copy(form, field, new Map([...entriesOf(into), ...entriesOf(from)]));
    case "message":
      if (options.replaceMessageFields === true) return copy(form, field, from);
      return from === undefined ? copy(form, field, into) : mergeWhole(form, field, into, from);
    case "scalar":
      return field.scalar === "opaque" && options.replaceMessageFields !== true
        ? mergeOpaque(form, field, into, from)
        : copy(form, field, from);
  }
}

/** A Struct, Value or ListValue is a message all the same. */
function mergeOpaque(form: MessageForm, field: FieldSchema, into: unknown, from: unknown): unknown {
  if (from === undefined) return copy(form, field, into);
  if (into === undefined || form.mergeOpaque === undefined) return copy(form, field, from);
  return form.mergeOpaque(into, from, field);
}

/** MergeFrom, as every protobuf library has it: what is set in the source is set, lists grow, messages are merged. */
function mergeWhole(form: MessageForm, field: FieldSchema, into: unknown, from: unknown): unknown {
  const { message } = field;
  if (message === undefined || into === undefined) return copy(form, field, from);
  const set = message.form.open(from);
  return mergeFields(message, into, from, ({ index }) => (set[index] === undefined ? undefined : ALL), {});
}

function mergeEntries(
  form: MessageForm,
  field: FieldSchema,
  into: unknown,
  from: unknown,
  tree: MapTree,
  options: MergeOptions,
): unknown {
  const before = new Map(entriesOf(into));
  const given = new Map(entriesOf(from));
  const item: FieldSchema = { ...field, kind: field.message === undefined ? "scalar" : "message" };
  for (const key of new Set([...before.keys(), ...given.keys()])) {
    const part = tree.entry(key);
    const from = part === undefined ? undefined : given.get(key);
    const entry = mergeValue(form, item, before.get(key), from, part, options);
    if (entry === undefined) before.delete(key);
    else before.set(key, entry);
  }
  return before.size === 0 ? undefined : mapValues(before, (entry) => entry);
}

function entriesOf(value: unknown): Iterable<[string, unknown]> {
  return (value as Map<string, unknown> | undefined) ?? [];
}

function copy(form: MessageForm, field: FieldSchema, value: unknown): unknown {
  return value === undefined ? undefined : copyValue(form, field, value);
}
