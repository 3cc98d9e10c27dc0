// Dropping what a mask selects: the complement of filter.ts. Nothing in the result is shared with the input.

import { copyItem, copyMessage, copyValue } from "./copy.ts";
import type { FieldSchema, MessageForm, MessageSchema } from "./schema.ts";
import { ALL, MapTree, NOTHING, checkType } from "./tree.ts";
import type { Mask, MessageTree, Selection } from "./tree.ts";

/**
 * A new message without what the mask selects. `*` drops everything; no mask drops nothing. A message whose fields are
 * all dropped stays set, and a list keeps its length. Throws a TypeError if the mask is for another message type.
 */
export function pruneMessage(schema: MessageSchema, message: unknown, mask: Mask | undefined): unknown {
  if (mask !== undefined) checkType(mask, schema);
  if (mask === undefined || mask.absent === true || mask.selection === NOTHING) {
    return copyMessage(schema, message);
  }
  return mask.selection === ALL
    ? schema.form.close([], undefined)
    : pruneTree(schema, message, mask.selection);
}

function pruneTree(schema: MessageSchema, message: unknown, tree: MessageTree): unknown {
  const { form, fields } = schema;
  const values = form.open(message);
  for (const field of fields) {
    const value = values[field.index];
    if (value !== undefined) values[field.index] = pruneValue(form, field, value, tree.fields[field.index]);
  }
  return form.close(values, message);
}

function pruneValue(
  form: MessageForm,
  field: FieldSchema,
  value: unknown,
  selection: Selection | undefined,
): unknown {
  if (selection === undefined) return copyValue(form, field, value);
  if (selection === ALL) return undefined;
  if (selection instanceof MapTree)
    return pruneEntries(form, field, value as Map<string, unknown>, selection);
  const { message } = field;
  if (message === undefined) return copyValue(form, field, value);
  if (field.kind === "message") return pruneTree(message, value, selection);
  return (value as unknown[]).map((element) => pruneTree(message, element, selection));
}

function pruneEntries(
  form: MessageForm,
  field: FieldSchema,
  entries: Map<string, unknown>,
  tree: MapTree,
): Map<string, unknown> | undefined {
  const left = new Map<string, unknown>();
  for (const [key, entry] of entries) {
    const part = tree.entry(key);
    if (part === ALL) continue;
    const whole = part === undefined || field.message === undefined;
    left.set(key, whole ? copyItem(form, field, entry) : pruneTree(field.message, entry, part));
  }
  return left.size === 0 ? undefined : left;
}
