// The messages that the paths of a file's masks can go into, as ts-proto holds them.

import type { DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { Edition } from "@bufbuild/protobuf/wkt";
import { GenerateError } from "./generate-error.ts";
import { importPath, oneofPropertyName, pascalName, propertyName, typeName } from "./names.ts";
import type { Shape } from "./parameters.ts";

/** One message type. */
export interface MessageModel {
  readonly typeName: string;
  /** Unique within the generated file: the middle of `keepJob`, `jobSchema`, `JobPath`. */
  readonly localName: string;
  readonly form: MessageForm;
  readonly fields: readonly FieldModel[];
}

/** How ts-proto holds a message: as an interface, as a Date, or as the value of its only field. */
export type MessageForm =
  | { readonly kind: "interface"; readonly name: string; readonly importPath: string }
  | { readonly kind: "date" }
  | { readonly kind: "unwrapped"; readonly type: string; readonly zero: string };

/** One field. Its position in `MessageModel.fields` is its slot in a compiled tree. */
export interface FieldModel {
  readonly name: string;
  readonly number: number;
  readonly property: string;
  readonly kind: "scalar" | "message" | "list" | "map";
  /** The message of the field, its elements or its values; absent where no path goes on. */
  readonly message: MessageModel | undefined;
  readonly mapKey: MapKey | undefined;
  /** What ts-proto holds when the field is unset. */
  readonly zero: string;
  /** The property of the union that the field is a member of. */
  readonly oneof: string | undefined;
}

export type MapKey = "string" | "int32" | "int64" | "uint32" | "uint64" | "bool";

/** ts-proto holds these as plain JavaScript values, without fields that could be selected one by one. */
const opaque = new Set(["google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"]);

const wrapper = /^google\.protobuf\.(?:Double|Float|U?Int64|U?Int32|Bool|String|Bytes)Value$/;

/** The models of `roots` and of all messages that can be reached from them, roots first. */
export function buildMessages(
  roots: readonly DescMessage[],
  file: DescFile,
  shape: Shape,
  reservedNames: readonly string[],
): Map<DescMessage, MessageModel> {
  const models = new Map<DescMessage, MessageModel>();
  const localNames = new Set(reservedNames.map((name) => name.toLowerCase()));
  const queue: { message: DescMessage; fields: FieldModel[] }[] = [];

  const modelOf = (message: DescMessage): MessageModel => {
    const known = models.get(message);
    if (known !== undefined) return known;
    if (message.file.edition !== Edition.EDITION_PROTO3) {
      throw new GenerateError(`${message.file.name}.proto: ${message.typeName}: only proto3 is supported`);
    }
    const fields: FieldModel[] = [];
    const model = {
      typeName: message.typeName,
      localName: localName(message, file, shape, localNames),
      form: formOf(message, shape),
      fields,
    };
    models.set(message, model);
    queue.push({ message, fields });
    return model;
  };

  roots.forEach(modelOf);
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const field of next.message.fields) next.fields.push(toField(field, shape, modelOf));
  }
  return models;
}

function toField(
  field: DescField,
  shape: Shape,
  modelOf: (message: DescMessage) => MessageModel,
): FieldModel {
  const property = propertyName(field, shape);
  if (property === "__proto__") {
    throw new GenerateError(
      `${field.parent.typeName}.${field.name}: a property of this name cannot be written; use snakeToCamel=true`,
    );
  }
  const inside = (message: DescMessage | undefined): MessageModel | undefined =>
    message === undefined || opaque.has(message.typeName) ? undefined : modelOf(message);
  const common = {
    name: field.name,
    number: field.number,
    property,
    mapKey: undefined,
    oneof: field.oneof && oneofPropertyName(field.oneof, shape),
  };
  switch (field.fieldKind) {
    case "message": {
      const message = inside(field.message);
      return { ...common, kind: message === undefined ? "scalar" : "message", message, zero: "undefined" };
    }
    case "list":
      return { ...common, kind: "list", message: inside(field.message), zero: "[]" };
    case "map":
      return {
        ...common,
        kind: "map",
        message: inside(field.message),
        mapKey: mapKey(field.mapKey),
        zero: "new Map()",
      };
    case "enum":
      return { ...common, kind: "scalar", message: undefined, zero: hasPresence(field) ? "undefined" : "0" };
    case "scalar":
      return {
        ...common,
        kind: "scalar",
        message: undefined,
        zero: hasPresence(field) ? "undefined" : scalarZero(field.scalar, shape),
      };
  }
}

// In proto3, a member of a oneof (real or that of `optional`) has presence; other scalars have not.
function hasPresence(field: DescField): boolean {
  return field.oneof !== undefined || field.proto.proto3Optional;
}

/** Throws a GenerateError if ts-proto holds a message as something else than an object with its fields. */
export function requireInterface(message: DescMessage, shape: Shape): void {
  if (opaque.has(message.typeName) || formOf(message, shape).kind !== "interface") {
    throw new GenerateError(
      `${message.typeName} is held as a plain value by ts-proto, which no mask can be applied to`,
    );
  }
}

function formOf(message: DescMessage, shape: Shape): MessageForm {
  if (message.typeName === "google.protobuf.Timestamp" && shape.timestampAsDate) return { kind: "date" };
  if (message.typeName === "google.protobuf.FieldMask")
    return { kind: "unwrapped", type: "string[]", zero: "[]" };
  const [value] = message.fields;
  if (wrapper.test(message.typeName) && value?.fieldKind === "scalar") {
    return {
      kind: "unwrapped",
      type: scalarType(value.scalar, shape),
      zero: scalarZero(value.scalar, shape),
    };
  }
  return { kind: "interface", name: typeName(message, shape), importPath: importPath(message.file, shape) };
}

function scalarZero(scalar: ScalarType, shape: Shape): string {
  switch (scalar) {
    case ScalarType.STRING:
      return '""';
    case ScalarType.BOOL:
      return "false";
    case ScalarType.BYTES:
      return shape.bytes === "Buffer" ? "Buffer.alloc(0)" : "new Uint8Array(0)";
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return { number: "0", bigint: "0n", string: '"0"' }[shape.long];
    default:
      return "0";
  }
}

function scalarType(scalar: ScalarType, shape: Shape): string {
  if (scalar === ScalarType.BYTES) return shape.bytes;
  const zero = scalarZero(scalar, shape);
  if (zero.startsWith('"')) return "string";
  if (zero === "false") return "boolean";
  return zero === "0n" ? "bigint" : "number";
}

function mapKey(scalar: ScalarType): MapKey {
  switch (scalar) {
    case ScalarType.STRING:
      return "string";
    case ScalarType.BOOL:
      return "bool";
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return "int64";
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return "uint64";
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return "uint32";
    default:
      return "int32";
  }
}

/** The TypeScript name; with the package before it where another message of the file has that name already. */
function localName(message: DescMessage, file: DescFile, shape: Shape, taken: Set<string>): string {
  const plain = typeName(message, shape);
  const foreign = message.file.proto.package !== file.proto.package;
  const qualified = message.file.proto.package.split(".").map(pascalName).join("") + plain;
  const candidates = foreign ? [plain, qualified] : [plain];
  let name = candidates.find((candidate) => !taken.has(candidate.toLowerCase())) ?? qualified;
  while (taken.has(name.toLowerCase())) name += "_";
  taken.add(name.toLowerCase());
  return name;
}
