// What the runtime knows about a message: the names, numbers and kinds of its fields, told by generated code. Lookups
// go through a Map, never through a plain object, so `constructor` and `__proto__` are names like any other.

import type { MapKeyType } from "./map-key.ts";

/** One field of a message. */
export interface FieldSchema {
  /** The name in the proto. */
  readonly name: string;
  /** The number in the proto. */
  readonly number: number;
  /** Position in the message's table: the slot of this field in a compiled tree. */
  readonly index: number;
  readonly kind: "scalar" | "message" | "list" | "map";
  /** What the field, its elements or its values hold, where paths go on into a message. */
  readonly message: MessageSchema | undefined;
  /** The type of the keys, if the field is a map. */
  readonly key: MapKeyType | undefined;
}

/** The type column of a table: absent for a scalar, or what `listOf` and `mapOf` say. */
export type FieldType = MessageSchema | ListType | MapType;

/** One line of a message's table: name, number, type. */
export type FieldEntry = readonly [name: string, number: number, type?: FieldType];

/** The fields of one message type. */
export class MessageSchema {
  readonly typeName: string;
  readonly #entries: () => readonly FieldEntry[];
  #fields: readonly FieldSchema[] | undefined;
  #byName: Map<string, FieldSchema> | undefined;
  #byLooseName: Map<string, FieldSchema> | undefined;

  constructor(typeName: string, entries: () => readonly FieldEntry[]) {
    this.typeName = typeName;
    this.#entries = entries;
  }

  /** All fields, in the order of the table. Linked at first use, since messages may hold each other. */
  get fields(): readonly FieldSchema[] {
    this.#fields ??= this.#entries().map(toField);
    return this.#fields;
  }

  /** The field with exactly this proto name. */
  field(name: string): FieldSchema | undefined {
    this.#byName ??= new Map(this.fields.map((field) => [field.name, field]));
    return this.#byName.get(name);
  }

  /** The field that somebody may have meant: equal but for case and underscores. */
  similarField(name: string): FieldSchema | undefined {
    if (name.length > 256) return undefined;
    this.#byLooseName ??= new Map(this.fields.map((field) => [looseName(field.name), field]));
    return this.#byLooseName.get(looseName(name));
  }
}

class ListType {
  readonly element: MessageSchema | undefined;
  constructor(element: MessageSchema | undefined) {
    this.element = element;
  }
}

class MapType {
  readonly key: MapKeyType;
  readonly value: MessageSchema | undefined;
  constructor(key: MapKeyType, value: MessageSchema | undefined) {
    this.key = key;
    this.value = value;
  }
}

/** Declares a message; `entries` is called once, when a path first needs it. */
export function defineMessage(typeName: string, entries: () => readonly FieldEntry[]): MessageSchema {
  return new MessageSchema(typeName, entries);
}

/** A repeated field; `element` only if its elements are messages that paths go into. */
export function listOf(element?: MessageSchema): ListType {
  return new ListType(element);
}

/** A map field; `value` only if its values are messages that paths go into. */
export function mapOf(key: MapKeyType, value?: MessageSchema): MapType {
  return new MapType(key, value);
}

function toField([name, number, type]: FieldEntry, index: number): FieldSchema {
  const common = { name, number, index };
  if (type instanceof MessageSchema) return { ...common, kind: "message", message: type, key: undefined };
  if (type instanceof ListType) return { ...common, kind: "list", message: type.element, key: undefined };
  if (type instanceof MapType) return { ...common, kind: "map", message: type.value, key: type.key };
  return { ...common, kind: "scalar", message: undefined, key: undefined };
}

function looseName(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}
