// Deep copies and comparison of values as their schemas say. Nothing that an operation returns is shared with what it
// was given.

import type { FieldSchema, MessageForm, MessageSchema, Values } from "./schema.ts";

/** A copy of a whole message, its unknown fields included. */
export function copyMessage(schema: MessageSchema, message: unknown): unknown {
  const { form, fields } = schema;
  if (form.copy !== undefined) return form.copy(message);
  const values = form.open(message);
  for (const field of fields) {
    const value = values[field.index];
    if (value !== undefined) values[field.index] = copyValue(form, field, value);
  }
  return form.close(values, message);
}

/** A copy of the value of a field that is set. */
export function copyValue(form: MessageForm, field: FieldSchema, value: unknown): unknown {
  switch (field.kind) {
    case "list":
      return (value as unknown[]).map((element) => copyItem(form, field, element));
    case "map":
      return mapValues(value as Map<string, unknown>, (entry) => copyItem(form, field, entry));
    default:
      return copyItem(form, field, value);
  }
}

/** A copy of what a singular field, an element of a list or an entry of a map holds. */
export function copyItem(form: MessageForm, { message, scalar }: FieldSchema, value: unknown): unknown {
  if (message !== undefined) return copyMessage(message, value);
  return scalar === undefined ? value : form.copyScalar(value, scalar);
}

/** A map with other values under the same keys, in the same order. */
export function mapValues<T>(entries: Map<string, unknown>, change: (entry: unknown) => T): Map<string, T> {
  const changed = new Map<string, T>();
  for (const [key, entry] of entries) changed.set(key, change(entry));
  return changed;
}

/** True if two messages have the same fields set to the same values. Unknown fields are not compared. */
export function equalMessages(schema: MessageSchema, a: unknown, b: unknown): boolean {
  const { form, fields } = schema;
  const left = form.open(a);
  const right = form.open(b);
  return fields.every((field) => equalValues(form, field, left[field.index], right[field.index]));
}

/** True if a field has the same value in two messages, or is unset in both. */
export function equalValues(
  form: MessageForm,
  field: FieldSchema,
  a: Values[number],
  b: Values[number],
): boolean {
  if (a === undefined || b === undefined) return a === b;
  switch (field.kind) {
    case "list": {
      const left = a as unknown[];
      const right = b as unknown[];
      return left.length === right.length && left.every((item, i) => equalItems(form, field, item, right[i]));
    }
    case "map": {
      const left = a as Map<string, unknown>;
      const right = b as Map<string, unknown>;
      if (left.size !== right.size) return false;
      for (const [key, entry] of left) {
        if (!right.has(key) || !equalItems(form, field, entry, right.get(key))) return false;
      }
      return true;
    }
    default:
      return equalItems(form, field, a, b);
  }
}

/** True if two elements of a list, or two entries of a map, hold the same. */
export function equalItems(
  form: MessageForm,
  { message, scalar }: FieldSchema,
  a: unknown,
  b: unknown,
): boolean {
  if (message !== undefined) return equalMessages(message, a, b);
  return scalar === undefined ? a === b : form.equalScalars(a, b, scalar);
}
