// The messages that the paths of a file's masks can go into, as ts-proto or protobuf-es holds them.

import type { DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { Edition } from "@bufbuild/protobuf/wkt";
import { messageNames } from "./declared-names.ts";
import { readFieldBehaviors } from "./field-behavior.ts";
import { GenerateError } from "./generate-error.ts";
import {
  defaultJsonName,
  importPath,
  oneofPropertyName,
  pascalName,
  propertyName,
  typeName,
} from "./names.ts";
import type { Shape } from "./parameters.ts";
import { requireDistinctProperties, requireDistinctTypes, requireWritable } from "./ts-proto-checks.ts";

/** One message type. */
export interface MessageModel {
  readonly desc: DescMessage;
  readonly typeName: string;
  /** Unique within the generated file: the middle of `keepJob`, `jobSchema`, `JobPath`. */
  readonly localName: string;
  readonly form: MessageForm;
  readonly fields: readonly FieldModel[];
}

/** How ts-proto holds a message: as an interface, or as one value. */
export type MessageForm =
  | { readonly kind: "interface"; readonly name: string; readonly importPath: string }
  /** `schema` makes its schema; it stands in "@fieldpost/fieldmask/codegen". */
  | {
      readonly kind: "value";
      readonly type: string;
      readonly define: string;
      readonly args: readonly string[];
    };

/** One field. Its position in `MessageModel.fields` is its slot in a compiled tree. */
export interface FieldModel {
  readonly name: string;
  readonly number: number;
  /** Absent where it is the name in lowerCamelCase. */
  readonly jsonName: string | undefined;
  readonly property: string;
  readonly kind: "scalar" | "message" | "list" | "map";
  /** The message of the field, its elements or its values; absent where no path goes on. */
  readonly message: MessageModel | undefined;
  /** The type of the field, its elements or its values where it is no message, as the runtime names it. */
  readonly scalar: string;
  readonly mapKey: string | undefined;
  /** Whether a map is a Map, or an object. */
  readonly asMap: boolean;
  /** What ts-proto holds when the field is unset. */
  readonly zero: string;
  /** True if a zero is not unset. */
  readonly optional: boolean;
  /** The oneof that the field is a member of. */
  readonly oneof: string | undefined;
  /** The property of the union that holds the oneof, if it is held so. */
  readonly union: string | undefined;
  readonly behaviors: readonly string[];
  /** True if a message field is held as one value, without fields of its own. */
  readonly bare: boolean;
}

/** Held as plain JavaScript values, without fields that could be selected one by one. */
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
  const localNames = new Set(reservedNames);
  const queue: { message: DescMessage; fields: FieldModel[] }[] = [];

  const modelOf = (message: DescMessage): MessageModel => {
    const known = models.get(message);
    if (known !== undefined) return known;
    if (message.file.edition !== Edition.EDITION_PROTO3 && shape.messages === "ts-proto") {
      throw new GenerateError(
        `${message.file.name}.proto: ${message.typeName}: only proto3 is supported with messages=ts-proto`,
      );
    }
    const fields: FieldModel[] = [];
    const model = {
      desc: message,
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
    if (shape.messages === "ts-proto") requireDistinctProperties(next.message, next.fields);
  }
  if (shape.messages === "ts-proto") requireDistinctTypes([...models.values()]);
  return models;
}

function toField(
  field: DescField,
  shape: Shape,
  modelOf: (message: DescMessage) => MessageModel,
): FieldModel {
  const property = propertyName(field, shape);
  const union = field.oneof && hasUnions(shape) ? oneofPropertyName(field.oneof, shape) : undefined;
  if (shape.messages === "ts-proto") requireWritable(field, property, union, shape);
  const message =
    field.message === undefined || opaque.has(field.message.typeName) ? undefined : modelOf(field.message);
  const isMap = field.fieldKind === "map";
  const keyScalar = isMap ? scalarName(field.mapKey) : undefined;
  const common = {
    name: field.name,
    number: field.number,
    jsonName: field.jsonName === defaultJsonName(field.name) ? undefined : field.jsonName,
    property,
    message,
    scalar: scalarOf(field),
    mapKey: keyScalar,
    asMap: isMap && (shape.useMapType || hasMapKey(field.mapKey, shape)),
    optional: hasPresence(field),
    oneof: field.oneof?.name,
    union,
    bare: isBare(field, shape),
    behaviors: readFieldBehaviors(field),
  };
  switch (field.fieldKind) {
    case "message":
      return { ...common, kind: message === undefined ? "scalar" : "message", zero: "undefined" };
    case "list":
      return { ...common, kind: "list", zero: "[]" };
    case "map":
      return { ...common, kind: "map", zero: common.asMap ? "new Map()" : "{}" };
    case "enum":
      return { ...common, kind: "scalar", zero: hasPresence(field) ? "undefined" : "0" };
    case "scalar":
      return {
        ...common,
        kind: "scalar",
        zero: hasPresence(field) ? "undefined" : scalarZero(field.scalar, shape),
      };
  }
}

// An object would make texts of keys that are no texts, so ts-proto has a Map for these in any case.
function hasMapKey(key: ScalarType, shape: Shape): boolean {
  return key === ScalarType.BOOL || (isLong(key) && (shape.long === "bigint" || shape.long === "long"));
}

function hasUnions(shape: Shape): boolean {
  return shape.messages === "protobuf-es" || shape.oneof !== "properties";
}

// protobuf-es unwraps only singular fields outside of oneofs.
function isBare(field: DescField, shape: Shape): boolean {
  if (field.message === undefined) return true;
  if (shape.messages === "ts-proto") return formOf(field.message, shape).kind === "value";
  return wrapper.test(field.message.typeName) && field.fieldKind === "message" && field.oneof === undefined;
}

// In proto3, a member of a oneof (real or that of `optional`) has presence; other scalars have not.
function hasPresence(field: DescField): boolean {
  return field.oneof !== undefined || field.proto.proto3Optional;
}

function scalarOf(field: DescField): string {
  if (field.message !== undefined) return "opaque";
  return field.scalar === undefined ? "enum" : scalarName(field.scalar);
}

function scalarName(scalar: ScalarType): string {
  return ScalarType[scalar].toLowerCase();
}

/**
 * Throws a GenerateError if a message is held as something else than an object with its fields, in `field` if there is
 * one.
 */
export function requireInterface(message: DescMessage, shape: Shape, field?: DescField): void {
  const bare = field !== undefined && isBare(field, shape);
  if (bare || opaque.has(message.typeName) || formOf(message, shape).kind !== "interface") {
    throw new GenerateError(
      `${message.typeName} is held as a plain value by ${shape.messages}, which no mask can be applied to`,
    );
  }
}

function formOf(message: DescMessage, shape: Shape): MessageForm {
  const plain: MessageForm = {
    kind: "interface",
    name: typeName(message, shape),
    importPath: importPath(message.file, shape),
  };
  if (shape.messages === "protobuf-es") return plain;
  const [value] = message.fields;
  if (message.typeName === "google.protobuf.Timestamp" && shape.timestamp !== "message") {
    return {
      kind: "value",
      type: shape.timestamp === "string-nano" ? "string" : shape.timestamp,
      define: "defineTimestamp",
      args: [JSON.stringify(shape.timestamp)],
    };
  }
  if (message.typeName === "google.protobuf.FieldMask") {
    return { kind: "value", type: "string[]", define: "defineFieldMask", args: [] };
  }
  if (wrapper.test(message.typeName) && value?.fieldKind === "scalar") {
    return {
      kind: "value",
      type: scalarType(value.scalar, shape),
      define: "defineWrapper",
      args: [JSON.stringify(message.typeName), JSON.stringify(scalarName(value.scalar)), "shape"],
    };
  }
  return plain;
}

function scalarZero(scalar: ScalarType, shape: Shape): string {
  switch (scalar) {
    case ScalarType.STRING:
      return '""';
    case ScalarType.BOOL:
      return "false";
    case ScalarType.BYTES:
      return "noBytes";
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { number: "0", bigint: "0n", string: '"0"', long: "Long.UZERO" }[shape.long];
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { number: "0", bigint: "0n", string: '"0"', long: "Long.ZERO" }[shape.long];
    default:
      return "0";
  }
}

function isLong(scalar: ScalarType): boolean {
  return [
    ScalarType.INT64,
    ScalarType.SINT64,
    ScalarType.SFIXED64,
    ScalarType.UINT64,
    ScalarType.FIXED64,
  ].includes(scalar);
}

function scalarType(scalar: ScalarType, shape: Shape): string {
  if (scalar === ScalarType.BYTES) return shape.bytes;
  if (isLong(scalar)) return shape.long === "long" ? "Long" : shape.long;
  if (scalar === ScalarType.STRING) return "string";
  return scalar === ScalarType.BOOL ? "boolean" : "number";
}

/**
 * The name in TypeScript; with the package before it, or something behind it, where what is declared under that name is
 * taken.
 */
function localName(message: DescMessage, file: DescFile, shape: Shape, taken: Set<string>): string {
  const unions = message.oneofs.map((oneof) => oneofPropertyName(oneof, shape));
  const isTaken = (name: string): boolean =>
    messageNames(name, unions).some((declared) => taken.has(declared));
  const plain = typeName(message, shape);
  const foreign = message.file.proto.package !== file.proto.package;
  const qualified = message.file.proto.package.split(".").map(pascalName).join("") + plain;
  const candidates = foreign ? [plain, qualified] : [plain];
  let name = candidates.find((candidate) => !isTaken(candidate)) ?? qualified;
  while (isTaken(name)) name += "_";
  for (const declared of messageNames(name, unions)) taken.add(declared);
  return name;
}
