// Merging google.protobuf.Struct, Value and ListValue, which are messages to protobuf however they are held here. What is
// expected is what FieldMask.MergeMessage of protobuf for Python gives.

import type { JsonValue } from "@bufbuild/protobuf";
import { create, createFileRegistry, fromJson, toJson } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Type as Type,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
} from "@bufbuild/protobuf/wkt";
import { compileMask } from "@fieldpost/fieldmask";
import { defineMask, defineMessage, mergeBy } from "@fieldpost/fieldmask/codegen";
import type { MergeOptions } from "@fieldpost/fieldmask/codegen";
import { schemaOf } from "@fieldpost/fieldmask/protobuf-es";
import { describe, expect, test } from "vitest";

const field = [
  ["struct", "Struct"],
  ["value", "Value"],
  ["list", "ListValue"],
].map(([name = "", type], i) => ({
  name,
  jsonName: name,
  number: i + 1,
  type: Type.MESSAGE,
  typeName: `.google.protobuf.${type}`,
}));
const file = {
  name: "merge.proto",
  package: "merge",
  syntax: "proto3",
  dependency: ["google/protobuf/struct.proto"],
  messageType: [{ name: "Held", field }],
};
const registry = createFileRegistry(
  create(FileDescriptorSetSchema, { file: [file_google_protobuf_struct.proto, file] }),
);
const desc = registry.getMessage("merge.Held")!;

const shape = { oneof: "unions", maps: "Map", long: "bigint", noBytes: new Uint8Array(0) } as const;
const table = defineMessage("merge.Held", shape, () => [
  ["struct", 1, "opaque"],
  ["value", 2, "opaque"],
  ["list", 3, "opaque"],
]);

const targets = [
  {
    name: "ts-proto",
    schema: table,
    read: (json: JsonValue): unknown => json,
    write: (held: unknown) => held,
  },
  {
    name: "protobuf-es",
    schema: schemaOf(desc),
    read: (json: JsonValue): unknown => fromJson(desc, json),
    write: (held: unknown) => toJson(desc, held as ReturnType<typeof create>),
  },
];

describe.each(targets)("$name", ({ schema, read, write }) => {
  const mask = compileMask(defineMask(schema, { profile: "read" }), ["struct", "value", "list"]);
  const merge = (into: JsonValue, from: JsonValue, options?: MergeOptions): unknown =>
    write(mergeBy(schema, read(into), read(from), mask, options));

  test("what the source does not have stays", () => {
    const held = { struct: { a: 1 }, value: "v", list: [1] };
    expect(merge(held, {})).toEqual(held);
    expect(merge({}, held)).toEqual(held);
  });

  test("entries of Structs are put, lists are appended, all else is replaced", () => {
    const held = { struct: { a: { x: 1 }, b: 1 }, value: { a: { x: 1 }, b: 1 }, list: [1] };
    expect(merge(held, { struct: { a: { y: 2 } }, value: { a: { y: 2 } }, list: [[2]] })).toEqual({
      struct: { a: { y: 2 }, b: 1 },
      value: { a: { y: 2 }, b: 1 },
      list: [1, [2]],
    });
    expect(merge({ value: [1] }, { value: [2, { a: 3 }] })).toEqual({ value: [1, 2, { a: 3 }] });
    expect(merge({ value: [1] }, { value: { a: 1 } })).toEqual({ value: { a: 1 } });
    expect(merge({ value: { a: 1 } }, { value: null })).toEqual({ value: null });
  });

  test("with replaceMessageFields they are replaced, and cleared", () => {
    const options = { replaceMessageFields: true };
    const held = { struct: { a: 1 }, value: [1], list: [1] };
    const source = { struct: { b: 1 }, value: [2] };
    expect(merge(held, source, options)).toEqual(source);
  });

  test("a key __proto__ is one like any other", () => {
    const merged = merge(JSON.parse('{ "struct": { "__proto__": { "a": 1 } } }') as JsonValue, {
      struct: { b: 1 },
    });
    expect(JSON.stringify(merged)).toBe('{"struct":{"__proto__":{"a":1},"b":1}}');
  });
});
