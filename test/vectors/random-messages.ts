// Random messages of any type, from its descriptor: every field that it has, set or not, and small values, so that keys
// meet and lists are filtered in earnest.

import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { ScalarType, create } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import * as fc from "fast-check";

/** Messages that hold messages down to this depth. */
export function messagesOf(desc: DescMessage, depth: number): fc.Arbitrary<Message> {
  return initsOf(desc, depth).map((init) => create(desc, init));
}

function initsOf(desc: DescMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of desc.fields) {
    if (field.oneof === undefined) members[field.localName] = valuesOf(field, depth);
  }
  for (const { localName, fields } of desc.oneofs) {
    members[localName] = fc.oneof(
      ...fields.map((field) => valuesOf(field, depth).map((value) => ({ case: field.localName, value }))),
    );
  }
  return fc.record(members, { requiredKeys: [] });
}

function valuesOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const item = itemsOf(field, depth);
  if (field.fieldKind === "list") return fc.array(item, { maxLength: 3 });
  if (field.fieldKind !== "map") return item;
  const key = scalarsOf(field.mapKey).map(String);
  return fc.array(fc.tuple(key, item), { maxLength: 3 }).map((entries) => Object.fromEntries(entries));
}

function itemsOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.enum !== undefined) return fc.constantFrom(0, 1, 2, 99);
  if (field.message === undefined) return scalarsOf(field.scalar ?? ScalarType.STRING);
  const { message } = field;
  if (message.typeName === "google.protobuf.Struct")
    return fc.constantFrom({}, { theme: "dark", sizes: [1, {}] });
  const value = message.fields[0];
  const isBare = field.fieldKind === "message" && field.oneof === undefined && isWrapperDesc(message);
  if (isBare && value !== undefined) return itemsOf(value, depth);
  return depth === 0 ? fc.constant({}) : initsOf(message, depth - 1);
}

function scalarsOf(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 3 });
    case ScalarType.STRING:
      return fc.constantFrom("", "a", "b", "home", "a.b", "constructor", "é", "x".repeat(130));
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return fc.constantFrom(0, -0, 1.5, -Infinity);
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
    case ScalarType.SINT64:
      return fc.constantFrom(0n, 1n, 2n, 2n ** 60n);
    default:
      return fc.constantFrom(0, 1, 2, 2 ** 30);
  }
}
