// Messages as protobuf-es v2 holds them. Its descriptors say everything that ts-proto needs tables for.

import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { ScalarType as EsScalarType, create } from "@bufbuild/protobuf";
import { scalarZeroValue } from "@bufbuild/protobuf/reflect";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { Value } from "@bufbuild/protobuf/wkt";
import { FeatureSet_FieldPresence, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { FIELD_BEHAVIOR_EXTENSION, toFieldBehaviors } from "./field-behavior.ts";
import { copyPlain, equalPlain, mergePlain } from "./plain-value.ts";
import type { FieldBehavior, FieldEntry, FieldSchema, MessageForm, ScalarType, Values } from "./schema.ts";
import { MessageSchema } from "./schema.ts";
import { pathKey, writeObject } from "./ts-proto.ts";

const known = new WeakMap<DescMessage, MessageSchema>();
const unwrapped = new WeakMap<DescMessage, MessageSchema>();

/** The schema of a message type of protobuf-es. Always the same one for the same descriptor. */
export function schemaOf(desc: DescMessage): MessageSchema {
  const found = known.get(desc);
  if (found !== undefined) return found;
  const schema = new MessageSchema(
    desc.typeName,
    () => desc.fields.map(toEntry),
    ({ fields }) => new MessageObjectForm(desc, fields),
  );
  known.set(desc, schema);
  return schema;
}

/** google.protobuf.StringValue and its kin, where protobuf-es holds the bare value. */
function unwrappedSchemaOf(desc: DescMessage): MessageSchema {
  const found = unwrapped.get(desc);
  if (found !== undefined) return found;
  const field = desc.fields[0];
  const scalar = field?.fieldKind === "scalar" ? field.scalar : EsScalarType.STRING;
  const zero = (): unknown => scalarZeroValue(scalar, false);
  const schema = new MessageSchema(
    desc.typeName,
    () => desc.fields.map(toEntry),
    () => ({
      open: (value) => [isZero(value, scalar) ? undefined : value],
      close: ([value]) => value ?? zero(),
      copy: copyPlain,
      copyScalar: copyPlain,
      equalScalars: equalPlain,
    }),
  );
  unwrapped.set(desc, schema);
  return schema;
}

const scalarNames: Readonly<Record<EsScalarType, ScalarType>> = {
  [EsScalarType.DOUBLE]: "double",
  [EsScalarType.FLOAT]: "float",
  [EsScalarType.INT64]: "int64",
  [EsScalarType.UINT64]: "uint64",
  [EsScalarType.INT32]: "int32",
  [EsScalarType.FIXED64]: "fixed64",
  [EsScalarType.FIXED32]: "fixed32",
  [EsScalarType.BOOL]: "bool",
  [EsScalarType.STRING]: "string",
  [EsScalarType.BYTES]: "bytes",
  [EsScalarType.UINT32]: "uint32",
  [EsScalarType.SFIXED32]: "sfixed32",
  [EsScalarType.SFIXED64]: "sfixed64",
  [EsScalarType.SINT32]: "sint32",
  [EsScalarType.SINT64]: "sint64",
};

/** Not gone into, as with ts-proto: a Struct in a field is a JsonObject in both. */
const opaque = new Set(["google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"]);

function toEntry(field: DescField): FieldEntry {
  return {
    name: field.name,
    jsonName: field.jsonName,
    number: field.number,
    kind: kindOf(field),
    ...insideOf(field),
    ...keyOf(field),
    oneof: field.oneof?.name,
    delimited: isDelimited(field),
    ...closedEnumOf(field),
    behaviors: behaviorsOf(field),
  };
}

function isDelimited(field: DescField): boolean {
  if (field.fieldKind === "list") return field.listKind === "message" && field.delimitedEncoding;
  return field.fieldKind === "message" && field.delimitedEncoding;
}

function closedEnumOf(field: DescField): Pick<FieldEntry, "closedEnum"> {
  if (field.fieldKind !== "enum" || field.enum.open) return {};
  return { closedEnum: new Set(field.enum.values.map(({ number }) => number)) };
}

function kindOf(field: DescField): FieldSchema["kind"] {
  if (field.fieldKind === "list" || field.fieldKind === "map") return field.fieldKind;
  return field.fieldKind === "message" && !opaque.has(field.message.typeName) ? "message" : "scalar";
}

function keyOf(field: DescField): Pick<FieldEntry, "key" | "keyScalar"> {
  if (field.fieldKind !== "map") return { key: undefined, keyScalar: undefined };
  const keyScalar = scalarNames[field.mapKey];
  return { key: pathKey(keyScalar), keyScalar };
}

function insideOf(field: DescField): Pick<FieldEntry, "message" | "scalar"> {
  if (field.message !== undefined) {
    if (opaque.has(field.message.typeName)) return { message: undefined, scalar: "opaque" };
    const bare = field.fieldKind === "message" && field.oneof === undefined && isWrapperDesc(field.message);
    return {
      message: bare ? unwrappedSchemaOf(field.message) : schemaOf(field.message),
      scalar: undefined,
    };
  }
  return { message: undefined, scalar: field.scalar === undefined ? "enum" : scalarNames[field.scalar] };
}

function behaviorsOf(field: DescField): FieldBehavior[] {
  const numbers: number[] = [];
  // The extension need not be registered: its bytes are enough.
  for (const { no, wireType, data } of field.proto.options?.$unknown ?? []) {
    if (no !== FIELD_BEHAVIOR_EXTENSION) continue;
    const reader = new BinaryReader(data);
    if (wireType === WireType.LengthDelimited) reader.uint32();
    while (reader.pos < reader.len) numbers.push(reader.int32());
  }
  return toFieldBehaviors(numbers);
}

type Held = Message & Record<string, unknown>;
interface Oneof {
  readonly case: string | undefined;
  readonly value?: unknown;
}

class MessageObjectForm implements MessageForm {
  readonly #desc: DescMessage;
  readonly #fields: readonly FieldSchema[];

  constructor(desc: DescMessage, fields: readonly FieldSchema[]) {
    this.#desc = desc;
    this.#fields = fields;
  }

  open(message: unknown): Values {
    const held = message as Held;
    return this.#desc.fields.map((field) => read(held, field));
  }

  close(values: Values, base: unknown): unknown {
    const message = create(this.#desc) as Held;
    const unknownFields = (base as Held | undefined)?.$unknown;
    if (unknownFields !== undefined) {
      message.$unknown = unknownFields.map((field) => ({ ...field, data: field.data.slice() }));
    }
    for (const { index, kind } of this.#fields) {
      const field = this.#desc.fields[index];
      const value = values[index];
      if (field === undefined || value === undefined) continue;
      if (field.oneof !== undefined) message[field.oneof.localName] = { case: field.localName, value };
      else message[field.localName] = kind === "map" ? writeObject(value as Map<string, unknown>) : value;
    }
    return message;
  }

  copyScalar(value: unknown, type: ScalarType): unknown {
    return type === "bytes" || type === "opaque" ? copyPlain(value) : value;
  }

  mergeOpaque(into: unknown, from: unknown, { index }: FieldSchema): unknown {
    switch (this.#desc.fields[index]?.message?.typeName) {
      case "google.protobuf.Value":
        return mergeValues(into as Value, from as Value);
      case "google.protobuf.ListValue":
        return mergeProperty(into, from, "values");
      default:
        return mergePlain(into, from);
    }
  }

  equalScalars(a: unknown, b: unknown, type: ScalarType): boolean {
    if (type === "bytes" || type === "opaque") return equalPlain(a, b);
    // A 64-bit integer is a bigint, or a text if the proto says jstype = JS_STRING.
    return typeof a === "bigint" || typeof b === "bigint" ? String(a) === String(b) : Object.is(a, b);
  }
}

/** Of two values of one kind, what they hold is merged; another kind replaces. */
function mergeValues(into: Value, from: Value): unknown {
  if (into.kind.case === "structValue" && from.kind.case === "structValue") {
    const value = mergeProperty(into.kind.value, from.kind.value, "fields");
    return { ...from, kind: { case: from.kind.case, value } };
  }
  if (into.kind.case === "listValue" && from.kind.case === "listValue") {
    const value = mergeProperty(into.kind.value, from.kind.value, "values");
    return { ...from, kind: { case: from.kind.case, value } };
  }
  return copyPlain(from);
}

/** A copy of a message whose list or map also has what another one's has. */
function mergeProperty(into: unknown, from: unknown, property: "fields" | "values"): unknown {
  const [before, after] = [into, from] as Record<"fields" | "values", unknown>[];
  return { ...(copyPlain(from) as object), [property]: mergePlain(before?.[property], after?.[property]) };
}

function read(held: Held, field: DescField): unknown {
  if (field.oneof !== undefined) {
    const oneof = held[field.oneof.localName] as Oneof;
    return oneof.case === field.localName ? oneof.value : undefined;
  }
  // Defaults of proto2 stand on the prototype.
  if (!Object.hasOwn(held, field.localName)) return undefined;
  const value = held[field.localName];
  switch (field.fieldKind) {
    case "list":
      return (value as unknown[]).length === 0 ? undefined : value;
    case "map": {
      const entries = Object.entries(value as object);
      return entries.length === 0 ? undefined : new Map(entries);
    }
    case "enum":
      return field.presence === FeatureSet_FieldPresence.IMPLICIT && value === field.enum.values[0]?.number
        ? undefined
        : value;
    case "scalar":
      return field.presence === FeatureSet_FieldPresence.IMPLICIT && isZero(value, field.scalar)
        ? undefined
        : value;
    case "message":
      return value;
  }
}

/** As protobuf-es counts zeros: -0 is none. */
function isZero(value: unknown, scalar: EsScalarType): boolean {
  if (scalar === EsScalarType.BYTES) return (value as Uint8Array).length === 0;
  if (scalar === EsScalarType.STRING) return value === "";
  // A 64-bit integer is a bigint, or a text if the proto says jstype = JS_STRING.
  return Object.is(value, 0) || value === 0n || value === false || value === "0";
}
