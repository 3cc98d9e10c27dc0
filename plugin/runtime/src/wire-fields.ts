// Which record of an encoded message belongs to which field. A record of another wire type than the field's is one of
// an unknown field (https://protobuf.dev/programming-guides/proto3/#updating).

import type { FieldSchema, MessageSchema, ScalarType } from "./schema.ts";
import { FIXED32, FIXED64, LENGTH_DELIMITED, START_GROUP, VARINT } from "./wire-reader.ts";

/** A field, as the wire knows it. */
export interface WireField {
  readonly schema: FieldSchema;
  readonly index: number;
  /** Its tag. Lists of numbers are also known by that of a packed one. */
  readonly tag: number;
  /** The oneof that it is a member of, by the index of the first member. */
  readonly oneof: number | undefined;
  /** The only numbers that it may hold, if there are such. */
  readonly numbers: ReadonlySet<number> | undefined;
}

/** The fields of a message type. */
export interface WireFields {
  /** By tag, as far as that is below FEW. Nearly all are, and an array is quicker than a Map. */
  readonly few: readonly (WireField | undefined)[];
  /** The others. */
  readonly many: ReadonlyMap<number, WireField>;
  /** True if one of them is a message that is encoded as a group. */
  readonly hasGroups: boolean;
}

/** The tags of fields 1 to 63. */
const FEW = 512;

/** The field that a record with this tag is of, or undefined if it is unknown. */
export function fieldByTag({ few, many }: WireFields, tag: number): WireField | undefined {
  return tag < FEW ? few[tag] : many.get(tag);
}

const known = new WeakMap<MessageSchema, WireFields>();
const knownEntries = new WeakMap<FieldSchema, WireFields>();

/** The fields of a message type, made once. */
export function wireFieldsOf(schema: MessageSchema): WireFields {
  let fields = known.get(schema);
  if (fields === undefined) known.set(schema, (fields = toWireFields(schema.fields)));
  return fields;
}

/** Where the two fields of a map's entries stand in their table. */
export const ENTRY_KEY = 0;
export const ENTRY_VALUE = 1;

/** An entry of a map is a message of two fields. */
export function entryFieldsOf(map: FieldSchema): WireFields {
  let fields = knownEntries.get(map);
  if (fields === undefined) {
    const inEntry = { ...map, delimited: false, oneof: undefined, siblings: [] };
    const key = { ...inEntry, index: ENTRY_KEY, number: 1, message: undefined, scalar: map.keyScalar };
    const value = { ...inEntry, index: ENTRY_VALUE, number: 2 };
    fields = toWireFields([
      { ...key, kind: "scalar" },
      { ...value, kind: map.message === undefined ? "scalar" : "message" },
    ]);
    knownEntries.set(map, fields);
  }
  return fields;
}

function toWireFields(schemas: readonly FieldSchema[]): WireFields {
  const few = Array.from<WireField | undefined>({ length: FEW });
  const many = new Map<number, WireField>();
  const add = (tag: number, field: WireField): void => {
    if (tag < FEW) few[tag] = field;
    else many.set(tag, field);
  };
  for (const schema of schemas) {
    const wireType = wireTypeOf(schema);
    const tag = schema.number * 8 + wireType;
    const oneof = schema.oneof === undefined ? undefined : Math.min(schema.index, ...schema.siblings);
    const field = { schema, index: schema.index, tag, oneof, numbers: schema.closedEnum };
    add(tag, field);
    const isNumber = wireType !== LENGTH_DELIMITED && wireType !== START_GROUP;
    if (schema.kind === "list" && isNumber) add(schema.number * 8 + LENGTH_DELIMITED, field);
  }
  return { few, many, hasGroups: schemas.some(({ delimited }) => delimited) };
}

function wireTypeOf({ kind, scalar, delimited }: FieldSchema): number {
  if (kind === "map") return LENGTH_DELIMITED;
  if (scalar === undefined || scalar === "opaque") return delimited ? START_GROUP : LENGTH_DELIMITED;
  return wireTypes[scalar];
}

const wireTypes: Readonly<Record<Exclude<ScalarType, "opaque">, number>> = {
  double: FIXED64,
  float: FIXED32,
  int32: VARINT,
  int64: VARINT,
  uint32: VARINT,
  uint64: VARINT,
  sint32: VARINT,
  sint64: VARINT,
  fixed32: FIXED32,
  fixed64: FIXED64,
  sfixed32: FIXED32,
  sfixed64: FIXED64,
  bool: VARINT,
  string: LENGTH_DELIMITED,
  bytes: LENGTH_DELIMITED,
  enum: VARINT,
};
