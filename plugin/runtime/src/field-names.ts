// By which names callers know the fields of a message.

import type { FieldSchema, MessageSchema } from "./schema.ts";

/**
 * `proto`: `display_name`, as masks have it on the wire. `json`: `displayName`, or what `json_name` says. `both`: either;
 * if a name is both the proto name of one field and the JSON name of another, it is the proto name.
 */
export type FieldNames = "proto" | "json" | "both";

/** The field that a caller calls so. */
export function findField(schema: MessageSchema, name: string, names: FieldNames): FieldSchema | undefined {
  const field = names === "json" ? undefined : schema.field(name);
  return field ?? (names === "proto" ? undefined : schema.jsonField(name));
}
