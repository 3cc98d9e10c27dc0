// What ts-proto takes without a word and writes wrong code for. An error here is better than code beside it.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { GenerateError } from "./generate-error.ts";
import type { FieldModel, MessageModel } from "./message-model.ts";
import { memberName } from "./names.ts";
import type { Shape } from "./parameters.ts";

/** Throws a GenerateError for a field that ts-proto itself writes wrong code for. */
export function requireWritable(
  field: DescField,
  property: string,
  union: string | undefined,
  shape: Shape,
): void {
  const where = `${field.parent.file.name}.proto: ${field.parent.typeName}.${field.name}`;
  if (property === "__proto__" || union === "__proto__") {
    throw new GenerateError(`${where}: ts-proto cannot have a property __proto__; use snakeToCamel=true`);
  }
  if (union !== undefined && property !== memberName(field, shape)) {
    throw new GenerateError(
      `${where}: with useJsonName=true and oneof=${shape.oneof}, ts-proto calls this member ${memberName(field, shape)} ` +
        `in the type of ${union}, but decodes it as ${property}; use oneof=properties, or the same json_name`,
    );
  }
}

/** Throws a GenerateError if ts-proto would hold two fields of a message in one property. */
export function requireDistinctProperties(message: DescMessage, fields: readonly FieldModel[]): void {
  const owners = new Map<string, string>();
  for (const { name, property, union, oneof } of fields) {
    const held = union ?? property;
    const source = union === undefined ? name : (oneof ?? name);
    const owner = owners.get(held);
    if (owner !== undefined && owner !== source) {
      throw new GenerateError(
        `${message.file.name}.proto: ${message.typeName}: ts-proto would hold ${owner} and ${source} in one property, ${held}`,
      );
    }
    owners.set(held, source);
  }
}

/** Throws a GenerateError if two messages have one name in one module. */
export function requireDistinctTypes(models: readonly MessageModel[]): void {
  const owners = new Map<string, string>();
  for (const { desc, form, typeName } of models) {
    if (form.kind !== "interface") continue;
    const key = `${form.name} of ${form.importPath}`;
    const owner = owners.get(key);
    if (owner !== undefined) {
      throw new GenerateError(
        `${desc.file.name}.proto: for ts-proto, ${owner} and ${typeName} are both ${key}; rename one`,
      );
    }
    owners.set(key, typeName);
  }
}
