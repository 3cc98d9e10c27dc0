// How encoded messages are compared: as messages, by what protobuf-es makes of their bytes, with NaN equal to itself and
// unequal to nothing else, and with -0 told from 0.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { fromBinary, isMessage, toBinary } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { reflect } from "@bufbuild/protobuf/reflect";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";

/** One text for all encodings of one message: what is unset stays unset. */
export function canonical(desc: DescMessage, bytes: Uint8Array): string {
  const message = reflect(desc, fromBinary(desc, bytes), false);
  normalize(message);
  return print(message);
}

function print({ desc, message }: ReflectMessage): string {
  return Buffer.from(toBinary(desc, message)).toString("hex");
}

/** Sorts maps, and gives a Timestamp before 1970 nanos that are positive: ts-proto writes them negative. */
function normalize(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (field.fieldKind === "message") {
      const inside = message.get(field);
      normalize(inside);
      // Of an unwrapped message, reflection gives a copy.
      message.set(field, inside);
    } else if (field.fieldKind === "list") {
      if (field.listKind === "message")
        for (const item of message.get(field)) normalize(item as ReflectMessage);
    } else if (field.fieldKind === "map") {
      const map = message.get(field);
      const entries = [...map].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
      map.clear();
      for (const [key, item] of entries) {
        if (field.mapKind === "message") normalize(item as ReflectMessage);
        map.set(key, item);
      }
    }
  }
  if (isMessage(message.message, TimestampSchema) && message.message.nanos < 0) {
    message.message.seconds -= 1n;
    message.message.nanos += 1e9;
  }
}

/**
 * The leaves of a message: everything in it but the messages themselves, each with where it is and what it is. A message
 * that is set and empty has none: there, operations that go together in a law may differ (a mask that touches a message
 * keeps it).
 */
export function leavesOf(desc: DescMessage, bytes: Uint8Array): Set<string> {
  const leaves = new Set<string>();
  const message = reflect(desc, fromBinary(desc, bytes), false);
  normalize(message);
  addLeaves(message, "", leaves);
  return leaves;
}

/** What is in one set of leaves and not in the other. */
export function without(leaves: ReadonlySet<string>, others: ReadonlySet<string>): Set<string> {
  return new Set([...leaves].filter((leaf) => !others.has(leaf)));
}

const opaque = new Set(["google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"]);

function addLeaves(message: ReflectMessage, at: string, leaves: Set<string>): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const path = `${at}.${field.name}`;
    if (field.fieldKind === "list") {
      let index = 0;
      for (const item of message.get(field)) addLeaf(field, item, `${path}[${index++}]`, leaves);
    } else if (field.fieldKind === "map") {
      for (const [key, item] of message.get(field))
        addLeaf(field, item, `${path}{${JSON.stringify(String(key))}}`, leaves);
    } else addLeaf(field, message.get(field), path, leaves);
  }
}

function addLeaf(field: DescField, value: unknown, at: string, leaves: Set<string>): void {
  if (field.message === undefined) leaves.add(`${at} = ${printScalar(value)}`);
  else if (opaque.has(field.message.typeName)) leaves.add(`${at} = ${print(value as ReflectMessage)}`);
  else addLeaves(value as ReflectMessage, at, leaves);
}

function printScalar(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return Object.is(value, -0) ? "-0" : String(value);
}

/**
 * A message without the members of oneofs that had to give way: those of which `after` has another one set. Singular
 * messages and entries of maps are gone into.
 */
export function withoutDisplaced(desc: DescMessage, before: Uint8Array, after: Uint8Array): Uint8Array {
  const message = reflect(desc, fromBinary(desc, before), false);
  clearDisplaced(message, reflect(desc, fromBinary(desc, after), false));
  return toBinary(desc, message.message);
}

function clearDisplaced(before: ReflectMessage, after: ReflectMessage): void {
  for (const oneof of before.oneofs) {
    const old = before.oneofCase(oneof);
    const now = after.oneofCase(oneof);
    if (old !== undefined && now !== undefined && old !== now) before.clear(old);
  }
  for (const field of before.fields) {
    if (!before.isSet(field) || !after.isSet(field)) continue;
    if (field.fieldKind === "message") {
      const inside = before.get(field);
      clearDisplaced(inside, after.get(field));
      before.set(field, inside);
    } else if (field.fieldKind === "map" && field.mapKind === "message") {
      for (const [key, item] of before.get(field)) {
        const other = after.get(field).get(key);
        if (other !== undefined) clearDisplaced(item as ReflectMessage, other as ReflectMessage);
      }
    }
  }
}
