// Keeping what a mask selects. Nothing in the result is shared with the message that it was taken from.

import { copyItem, copyMessage, copyValue } from "./copy.ts";
import type { FieldSchema, MessageForm, MessageSchema } from "./schema.ts";
import { ALL, MapTree, NOTHING, checkType } from "./tree.ts";
import type { Mask, MessageTree, Selection } from "./tree.ts";

/**
 * A new message with only what the mask selects. A message that is set stays set, even if nothing in it is selected; a
 * list keeps its length; nothing is made up. Throws a TypeError if the mask is for another message type.
 */
export function filterMessage(schema: MessageSchema, message: unknown, mask: Mask): unknown {
  checkType(mask, schema);
  const { selection } = mask;
  if (selection === ALL) return copyMessage(schema, message);
  return selection === NOTHING ? schema.form.close([], undefined) : keepTree(schema, message, selection);
}

/** What a tree selects of a message. */
export function keepTree(
  schema: MessageSchema,
  message: unknown,
  tree: Pick<MessageTree, "fields">,
): unknown {
  const { form, fields } = schema;
  const values = form.open(message);
  for (const field of fields) {
    const value = values[field.index];
    if (value !== undefined) values[field.index] = keepValue(form, field, value, tree.fields[field.index]);
  }
  return form.close(values, undefined);
}

function keepValue(
  form: MessageForm,
  field: FieldSchema,
  value: unknown,
  selection: Selection | undefined,
): unknown {
  if (selection === undefined) return undefined;
  if (selection === ALL) return copyValue(form, field, value);
  if (selection instanceof MapTree) return keepEntries(form, field, value as Map<string, unknown>, selection);
  const { message } = field;
  if (message === undefined) return undefined;
  if (field.kind === "message") return keepTree(message, value, selection);
  return (value as unknown[]).map((element) => keepTree(message, element, selection));
}

function keepEntries(
  form: MessageForm,
  field: FieldSchema,
  entries: Map<string, unknown>,
  tree: MapTree,
): Map<string, unknown> {
  const kept = new Map<string, unknown>();
  for (const [key, entry] of entries) {
    const part = tree.entry(key);
    if (part === undefined) continue;
    const whole = part === ALL || field.message === undefined;
    kept.set(key, whole ? copyItem(form, field, entry) : keepTree(field.message, entry, part));
  }
  return kept;
}
