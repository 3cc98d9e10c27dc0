// The names that ts-proto gives things. Its rules are in ts-proto's src/case.ts, src/utils.ts and src/visit.ts; they are
// neither protobuf's JSON names nor protobuf-es' local names.

import type { DescField, DescFile, DescMessage, DescOneof } from "@bufbuild/protobuf";
import type { Shape } from "./parameters.ts";

/** The property that holds a field. */
export function propertyName(field: DescField, shape: Shape): string {
  if (shape.messages === "protobuf-es") return field.localName;
  return shape.useJsonName ? field.jsonName : maybeCamel(field.name, shape);
}

/**
 * The name that the type of a union has for a member. What ts-proto decodes has `propertyName`, so with useJsonName=true
 * the two have to be equal.
 */
export function memberName(field: DescField, shape: Shape): string {
  return maybeCamel(field.name, shape);
}

/** The name in ProtoJSON that protoc gives a field without `json_name`. */
export function defaultJsonName(name: string): string {
  return name.replaceAll(/_+([^_]?)/g, (_, next: string) => next.toUpperCase());
}

/** The property that holds a oneof. */
export function oneofPropertyName(oneof: DescOneof, shape: Shape): string {
  if (shape.messages === "protobuf-es") return oneof.localName;
  return maybeCamel(oneof.name, shape);
}

/** The name of a message's interface: `Outer_Inner` for a nested one. */
export function typeName(message: DescMessage, shape: Shape): string {
  const names: string[] = [];
  for (let at: DescMessage | undefined = message; at !== undefined; at = at.parent) {
    names.unshift(maybeCamel(at.name, shape));
  }
  const name = names.join(shape.useSnakeTypeName ? "_" : "");
  // ts-proto keeps out of the way of these two globals only.
  return name === "Date" || name === "Function" ? `${name}Message` : name;
}

/** The module that holds the messages of a file: where ts-proto writes them, relative to the root of the output. */
export function importPath(file: DescFile, shape: Shape): string {
  const given = shape.modules.get(`${file.name}.proto`);
  if (given !== undefined) return given;
  return `./${file.name}${shape.fileSuffix}${shape.importSuffix}`;
}

/** `read_mask` to `ReadMask`, for the names that this plugin makes up itself. */
export function pascalName(name: string): string {
  return name
    .split("_")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}

function maybeCamel(name: string, shape: Shape): string {
  return shape.snakeToCamelKeys && name.includes("_") ? snakeToCamel(name) : name;
}

function snakeToCamel(name: string): string {
  // A name in capitals is lower-cased first: UPPER_CASE becomes upperCase, though its JSON name is UPPERCASE.
  const mixed = /[a-z]/.test(name);
  return name
    .split("_")
    .map((word) => (mixed ? word : word.toLowerCase()))
    .map((word, i) => (i === 0 ? word : word.slice(0, 1).toUpperCase() + word.slice(1)))
    .join("");
}
