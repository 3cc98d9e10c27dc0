// A message of proto2, with what proto3 has no more. Its descriptor is made by hand.

import type { DescMessage } from "@bufbuild/protobuf";
import { create, createFileRegistry } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

/** message Old { group Node { text, Node, repeated Node nodes } in a field, a list and a oneof with a closed enum } */
export function describeOldMessage(): DescMessage {
  const [label, node] = [Label.OPTIONAL, ".wire.Node"];
  const color = { label, type: Type.ENUM, typeName: ".wire.Color" };
  const file = {
    name: "wire.proto",
    package: "wire",
    syntax: "proto2",
    enumType: [
      {
        name: "Color",
        value: [
          { name: "RED", number: 1 },
          { name: "BLUE", number: -2 },
        ],
      },
    ],
    messageType: [
      {
        name: "Node",
        field: [
          { name: "text", number: 1, label, type: Type.STRING },
          { name: "node", number: 2, label, type: Type.GROUP, typeName: node },
          { name: "nodes", number: 3, label: Label.REPEATED, type: Type.GROUP, typeName: node },
        ],
      },
      {
        name: "Old",
        oneofDecl: [{ name: "choice" }],
        field: [
          { name: "node", number: 1, label, type: Type.GROUP, typeName: node },
          { name: "nodes", number: 2, label: Label.REPEATED, type: Type.GROUP, typeName: node },
          { name: "block", number: 3, label, type: Type.GROUP, typeName: node, oneofIndex: 0 },
          { name: "color", number: 4, ...color, oneofIndex: 0 },
          { name: "colors", number: 5, ...color, label: Label.REPEATED },
          { name: "paint", number: 6, ...color },
        ],
      },
    ],
  };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const found = registry.getMessage("wire.Old");
  if (found === undefined) throw new Error("wire.Old is not in its own registry");
  return found;
}
