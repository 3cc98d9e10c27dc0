// Messages as ts-proto holds them: plain objects, whose shape its options decide. Generated code tells the shape and one
// table for each message type.

import type { MapKeyType } from "./map-key.ts";
import { copyPlain, equalPlain, mergePlain } from "./plain-value.ts";
import { readProperty } from "./property.ts";
import type { FieldBehavior, FieldEntry, FieldSchema, MessageForm, ScalarType, Values } from "./schema.ts";
import { MessageSchema, defaultJsonName } from "./schema.ts";

/** The options of ts-proto that all messages of a file were written with. */
export interface TsProtoShape {
  /** How the set member of a oneof is held. */
  readonly oneof: "properties" | "unions" | "unions-value";
  /** How a map is held, if its keys do not decide it: a Map, or an object. */
  readonly maps: "Map" | "object";
  /** How 64-bit integers are held; for forceLong=long the class itself. */
  readonly long: "number" | "bigint" | "string" | LongClass;
  /** Empty bytes, of the type of all others. */
  readonly noBytes: Uint8Array;
}

/** What is needed of the package "long". */
export interface LongClass {
  readonly ZERO: unknown;
  readonly UZERO: unknown;
  fromString(text: string, unsigned?: boolean): unknown;
}

/** What a field holds: a scalar, a message, or what `listOf` and `mapOf` say. */
export type FieldType = ScalarType | MessageSchema | ListType | MapType;

/** What a table says of a field beyond name, number and type. What is left out is as usual. */
export interface FieldOptions {
  /** The property that holds the field. Default: its name. */
  readonly property?: string;
  /** Default: the name in lowerCamelCase. */
  readonly jsonName?: string;
  /** The oneof that it is a member of, and the property of that oneof where it is a union. */
  readonly oneof?: string;
  /** True for `optional`: zero is not unset. */
  readonly optional?: boolean;
  readonly behaviors?: readonly FieldBehavior[];
}

/** One line of a message's table. */
export type TableEntry = readonly [name: string, number: number, type: FieldType, options?: FieldOptions];

class ListType {
  readonly element: ScalarType | MessageSchema;
  constructor(element: ScalarType | MessageSchema) {
    this.element = element;
  }
}

class MapType {
  readonly key: ScalarType;
  readonly value: ScalarType | MessageSchema;
  constructor(key: ScalarType, value: ScalarType | MessageSchema) {
    this.key = key;
    this.value = value;
  }
}

/** A repeated field. */
export function listOf(element: ScalarType | MessageSchema): ListType {
  return new ListType(element);
}

/** A map field. */
export function mapOf(key: ScalarType, value: ScalarType | MessageSchema): MapType {
  return new MapType(key, value);
}

/** Declares a message that is held as an object; `table` is called once, when it is first needed. */
export function defineMessage(
  typeName: string,
  shape: TsProtoShape,
  table: () => readonly TableEntry[],
): MessageSchema {
  const entries = (): FieldEntry[] => table().map(toEntry);
  return new MessageSchema(typeName, entries, (schema) => new ObjectForm(schema, table(), shape));
}

function toEntry([name, number, type, options = {}]: TableEntry): FieldEntry {
  const inside = type instanceof ListType ? type.element : type instanceof MapType ? type.value : type;
  const isMessage = inside instanceof MessageSchema;
  const singular = isMessage ? "message" : "scalar";
  return {
    name,
    number,
    jsonName: options.jsonName ?? defaultJsonName(name),
    kind: type instanceof ListType ? "list" : type instanceof MapType ? "map" : singular,
    message: isMessage ? inside : undefined,
    scalar: isMessage ? undefined : inside,
    key: type instanceof MapType ? pathKey(type.key) : undefined,
    keyScalar: type instanceof MapType ? type.key : undefined,
    oneof: options.oneof,
    delimited: false,
    behaviors: options.behaviors ?? [],
  };
}

/** The key type of a map as paths see it: all encodings of one integer type are alike. */
export function pathKey(scalar: ScalarType): MapKeyType {
  switch (scalar) {
    case "bool":
    case "string":
      return scalar;
    case "uint32":
    case "fixed32":
      return "uint32";
    case "int64":
    case "sint64":
    case "sfixed64":
      return "int64";
    case "uint64":
    case "fixed64":
      return "uint64";
    default:
      return "int32";
  }
}

const longTypes: ReadonlySet<ScalarType> = new Set<ScalarType>([
  "int64",
  "sint64",
  "sfixed64",
  "uint64",
  "fixed64",
]);

/** What reads and writes one field of an object. */
interface Accessor {
  readonly field: FieldSchema;
  readonly property: string;
  /** The property of the oneof where it is held as a union. */
  readonly union: string | undefined;
  readonly optional: boolean;
  readonly asMap: boolean;
}

type Held = Readonly<Record<string, unknown>>;

class ObjectForm implements MessageForm {
  readonly #shape: TsProtoShape;
  readonly #accessors: readonly Accessor[];

  constructor(schema: MessageSchema, table: readonly TableEntry[], shape: TsProtoShape) {
    this.#shape = shape;
    this.#accessors = schema.fields.map((field, index) => {
      const options = table[index]?.[3] ?? {};
      return {
        field,
        property: options.property ?? field.name,
        union: shape.oneof === "properties" ? undefined : options.oneof,
        optional: options.optional === true || options.oneof !== undefined,
        asMap: shape.maps === "Map" || needsMap(field.keyScalar, shape),
      };
    });
  }

  open(message: unknown): Values {
    const held = message as Held;
    return this.#accessors.map((accessor) => this.#read(held, accessor));
  }

  #read(held: Held, { field, property, union, optional }: Accessor): unknown {
    let value: unknown;
    if (union === undefined) {
      value = readProperty(held, property);
    } else {
      const member = held[union] as { readonly $case: string } & Held;
      if (member?.$case !== property) return undefined;
      value = member[this.#shape.oneof === "unions" ? property : "value"];
    }
    if (value === undefined) return undefined;
    if (field.scalar === "opaque" && field.kind === "scalar") return value;
    if (value === null) return undefined;
    if (field.kind === "list") return (value as unknown[]).length === 0 ? undefined : value;
    if (field.kind === "map") return readMap(value as Map<unknown, unknown> | Held);
    return optional || field.kind === "message" || !isZero(value, field.scalar) ? value : undefined;
  }

  close(values: Values): unknown {
    const message: Record<string, unknown> = {};
    for (const accessor of this.#accessors) {
      const { field, property, union, optional, asMap } = accessor;
      const value = values[field.index];
      if (union !== undefined) {
        if (value !== undefined) {
          const at = this.#shape.oneof === "unions" ? property : "value";
          message[union] = { $case: property, [at]: value };
        } else if (!Object.hasOwn(message, union)) message[union] = undefined;
        continue;
      }
      if (field.kind === "map")
        message[property] = this.#writeMap(value as Map<string, unknown>, field, asMap);
      else if (value !== undefined || optional || field.kind === "message") message[property] = value;
      else message[property] = field.kind === "list" ? [] : zeroOf(field.scalar, this.#shape);
    }
    return message;
  }

  #writeMap(entries: Map<string, unknown> | undefined, { key }: FieldSchema, asMap: boolean): unknown {
    if (!asMap) return writeObject(entries ?? new Map());
    const map = new Map<unknown, unknown>();
    if (entries !== undefined) for (const [text, value] of entries) map.set(this.#key(text, key), value);
    return map;
  }

  #key(text: string, type: MapKeyType | undefined): unknown {
    switch (type) {
      case "bool":
        return text === "true";
      case "int32":
      case "uint32":
        return Number(text);
      case "int64":
      case "uint64":
        return parseLong(text, this.#shape.long, type === "uint64");
      default:
        return text;
    }
  }

  copyScalar(value: unknown, type: ScalarType): unknown {
    return copyScalar(value, type);
  }

  mergeOpaque(into: unknown, from: unknown): unknown {
    return mergePlain(into, from);
  }

  equalScalars(a: unknown, b: unknown, type: ScalarType): boolean {
    return equalScalars(a, b, type);
  }
}

/** See MessageForm. */
export function copyScalar(value: unknown, type: ScalarType): unknown {
  return type === "bytes" || type === "opaque" ? copyPlain(value) : value;
}

/** See MessageForm. */
export function equalScalars(a: unknown, b: unknown, type: ScalarType): boolean {
  if (type === "opaque" || type === "bytes") return equalPlain(a, b);
  // forceLong=long: two objects may be one number.
  return longTypes.has(type) ? String(a) === String(b) : Object.is(a, b);
}

/** What an unset field without presence holds. */
export function zeroOf(type: ScalarType | undefined, shape: TsProtoShape): unknown {
  switch (type) {
    case "string":
      return "";
    case "bool":
      return false;
    case "bytes":
      return shape.noBytes;
    case "opaque":
    case undefined:
      return undefined;
    case "uint64":
    case "fixed64":
      return parseLong("0", shape.long, true);
    case "int64":
    case "sint64":
    case "sfixed64":
      return parseLong("0", shape.long, false);
    default:
      return 0;
  }
}

function parseLong(text: string, long: TsProtoShape["long"], unsigned: boolean): unknown {
  if (typeof long === "object" || typeof long === "function") {
    if (text === "0") return unsigned ? long.UZERO : long.ZERO;
    return long.fromString(text, unsigned);
  }
  if (long === "string") return text;
  return long === "number" ? Number(text) : BigInt(text);
}

/** True if a field without presence counts as unset with this value. */
export function isZero(value: unknown, type: ScalarType | undefined): boolean {
  if (type === undefined || type === "opaque") return false;
  if (type === "bytes") return (value as Uint8Array).length === 0;
  if (longTypes.has(type)) return String(value) === "0";
  return value === 0 || value === "" || value === false;
}

/** ts-proto has a Map in any case where an object would make texts of keys that are none. */
function needsMap(key: ScalarType | undefined, { long }: TsProtoShape): boolean {
  if (key === undefined) return false;
  return key === "bool" || (longTypes.has(key) && long !== "number" && long !== "string");
}

function readMap(value: Map<unknown, unknown> | Held): Map<string, unknown> | undefined {
  const entries: Iterable<[unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
  const map = new Map<string, unknown>();
  for (const [key, entry] of entries) map.set(String(key), entry);
  return map.size === 0 ? undefined : map;
}

/** Own properties, whatever their names are: `__proto__` is a key like any other. */
export function writeObject<T>(entries: Map<string, T>): Record<string, T> {
  const object: Record<string, T> = {};
  for (const [key, value] of entries) {
    if (key !== "__proto__") object[key] = value;
    else Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return object;
}
