// What the runtime knows about a message: the names, numbers and types of its fields, and how it is held in memory.
// Lookups go through a Map, never through a plain object, so `constructor` and `__proto__` are names like any other.

import type { MapKeyType } from "./map-key.ts";

/** What a field, an element of its list or a value of its map is, if it is no message that paths go into. */
export type ScalarType =
  | "double"
  | "float"
  | "int32"
  | "int64"
  | "uint32"
  | "uint64"
  | "sint32"
  | "sint64"
  | "fixed32"
  | "fixed64"
  | "sfixed32"
  | "sfixed64"
  | "bool"
  | "string"
  | "bytes"
  | "enum"
  // A message that is held as plain JavaScript values: google.protobuf.Struct, Value, ListValue.
  | "opaque";

/** What AIP-203 says about who may write a field. */
export type FieldBehavior = "REQUIRED" | "OUTPUT_ONLY" | "IMMUTABLE" | "IDENTIFIER";

/** One field of a message. */
export interface FieldSchema {
  /** The name in the proto. */
  readonly name: string;
  /** The name in ProtoJSON. */
  readonly jsonName: string;
  /** The number in the proto. */
  readonly number: number;
  /** Position in the message's table: the slot of this field in a compiled tree, and of its value in `Values`. */
  readonly index: number;
  readonly kind: "scalar" | "message" | "list" | "map";
  /** What the field, its elements or its values hold, where paths go on into a message. Otherwise `scalar` says it. */
  readonly message: MessageSchema | undefined;
  readonly scalar: ScalarType | undefined;
  /** The type of the keys, if the field is a map: as paths see it, and as the wire has it. */
  readonly key: MapKeyType | undefined;
  readonly keyScalar: ScalarType | undefined;
  /** The oneof that the field is a member of; not the one that `optional` makes. */
  readonly oneof: string | undefined;
  /** The other members of the oneof, by index. */
  readonly siblings: readonly number[];
  /** True if a message field is encoded as a group (editions: DELIMITED; proto2: group). */
  readonly delimited: boolean;
  /**
   * The numbers of a closed enum (editions: CLOSED; proto2), if a singular field holds one. A record with another number
   * is one of an unknown field. Without it any number is taken, as ts-proto's decoders do.
   */
  readonly closedEnum?: ReadonlySet<number>;
  readonly behaviors: readonly FieldBehavior[];
}

/**
 * The values of a message's fields, by `FieldSchema.index`. An unset field has undefined; so has a field without
 * presence that is zero, an empty list and an empty map. A list is an array; a map is a Map by the text of its keys;
 * all else is as the form has it.
 */
export type Values = unknown[];

/** How the messages of one type are held in memory. */
export interface MessageForm {
  /** The values of a message. What they hold belongs to the message: not to be changed. */
  open(message: unknown): Values;
  /** A new message with these values. It keeps the unknown fields of `base`. */
  close(values: Values, base: unknown): unknown;
  /** A copy of a whole message, if that is simpler than opening and closing it. */
  copy?(message: unknown): unknown;
  /** A copy of the value of a field, an element or an entry whose type is a ScalarType. */
  copyScalar(value: unknown, type: ScalarType): unknown;
  /** What protobuf merges two values of a field to that is a Struct, Value or ListValue; a copy. Absent without such a field. */
  mergeOpaque?(into: unknown, from: unknown, field: FieldSchema): unknown;
  /** True if two such values are encoded alike. */
  equalScalars(a: unknown, b: unknown, type: ScalarType): boolean;
}

/** A field, as its message's table has it. */
export type FieldEntry = Omit<FieldSchema, "index" | "siblings">;

/** The fields of one message type. */
export class MessageSchema {
  readonly typeName: string;
  readonly #entries: () => readonly FieldEntry[];
  readonly #form: (schema: MessageSchema) => MessageForm;
  #fields: readonly FieldSchema[] | undefined;
  #byName: Map<string, FieldSchema> | undefined;
  #byJsonName: Map<string, FieldSchema> | undefined;
  #byLooseName: Map<string, FieldSchema> | undefined;
  #byNumber: Map<number, FieldSchema> | undefined;
  #opened: MessageForm | undefined;

  /** `entries` and `form` are called once, when they are first needed: messages may hold each other. */
  constructor(
    typeName: string,
    entries: () => readonly FieldEntry[],
    form: (schema: MessageSchema) => MessageForm,
  ) {
    this.typeName = typeName;
    this.#entries = entries;
    this.#form = form;
  }

  /** All fields, in the order of the table. */
  get fields(): readonly FieldSchema[] {
    this.#fields ??= link(this.#entries());
    return this.#fields;
  }

  /** How its messages are held. */
  get form(): MessageForm {
    this.#opened ??= this.#form(this);
    return this.#opened;
  }

  /** The field with exactly this proto name. */
  field(name: string): FieldSchema | undefined {
    this.#byName ??= new Map(this.fields.map((field) => [field.name, field]));
    return this.#byName.get(name);
  }

  /** The field with exactly this JSON name. */
  jsonField(jsonName: string): FieldSchema | undefined {
    this.#byJsonName ??= new Map(this.fields.map((field) => [field.jsonName, field]));
    return this.#byJsonName.get(jsonName);
  }

  /** The field with this number. */
  numberedField(number: number): FieldSchema | undefined {
    this.#byNumber ??= new Map(this.fields.map((field) => [field.number, field]));
    return this.#byNumber.get(number);
  }

  /** The field that somebody may have meant: equal but for case and underscores. */
  similarField(name: string): FieldSchema | undefined {
    if (name.length > 256) return undefined;
    this.#byLooseName ??= new Map(this.fields.map((field) => [looseName(field.name), field]));
    return this.#byLooseName.get(looseName(name));
  }

  /**
   * True for the types of google.protobuf that stand for one value (Timestamp, wrappers, Any, …). Comparing and
   * populating take them whole.
   */
  get isValue(): boolean {
    return valueTypes.has(this.typeName);
  }
}

const valueTypes = new Set(
  [
    ...["Any", "BoolValue", "BytesValue", "DoubleValue", "Duration", "Empty", "FieldMask", "FloatValue"],
    ...["Int32Value", "Int64Value", "ListValue", "StringValue", "Struct", "Timestamp", "UInt32Value"],
    ...["UInt64Value", "Value"],
  ].map((name) => `google.protobuf.${name}`),
);

function link(entries: readonly FieldEntry[]): FieldSchema[] {
  const members = new Map<string, number[]>();
  for (const [index, { oneof }] of entries.entries()) {
    if (oneof !== undefined) members.set(oneof, [...(members.get(oneof) ?? []), index]);
  }
  return entries.map((entry, index) => ({
    ...entry,
    index,
    siblings:
      entry.oneof === undefined ? [] : (members.get(entry.oneof) ?? []).filter((other) => other !== index),
  }));
}

function looseName(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}

/** The JSON name that protoc gives a field without `json_name`. */
export function defaultJsonName(name: string): string {
  let json = "";
  let upper = false;
  for (const char of name) {
    if (char === "_") {
      upper = true;
      continue;
    }
    json += upper ? char.toUpperCase() : char;
    upper = false;
  }
  return json;
}
