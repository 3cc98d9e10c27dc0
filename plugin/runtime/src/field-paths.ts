// Masks of whole fields, from a schema.

import type { MessageSchema } from "./schema.ts";

/** A path for each field of a message itself, in the order of its declaration. */
export function allFieldPaths(schema: MessageSchema): string[] {
  return schema.fields.map(({ name }) => name);
}

/**
 * The paths of fields by their numbers in the proto, in the order given, repeats included. Throws a RangeError for a
 * number that no field has.
 */
export function pathsOfFieldNumbers(schema: MessageSchema, numbers: readonly number[]): string[] {
  return numbers.map((number) => {
    const field = schema.numberedField(number);
    if (field === undefined)
      throw new RangeError(`${schema.typeName} has no field with the number ${number}`);
    return field.name;
  });
}
