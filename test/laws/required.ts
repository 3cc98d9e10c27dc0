// A filtered message may lack fields that proto2 requires. To look at it, it is encoded by a descriptor that is otherwise
// the same.

import type { DescFile, DescMessage } from "@bufbuild/protobuf";
import { clone, create, createFileRegistry } from "@bufbuild/protobuf";
import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import {
  FieldDescriptorProto_Label as Label,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

/** The same message, with optional fields for required ones. */
export function withoutRequired(desc: DescMessage): DescMessage {
  if (desc.file.proto.syntax !== "" && desc.file.proto.syntax !== "proto2") return desc;
  const file = [...closureOf(desc.file)].map(relax);
  const found = createFileRegistry(create(FileDescriptorSetSchema, { file })).getMessage(desc.typeName);
  if (found === undefined) throw new Error(`${desc.typeName} is not in its own file`);
  return found;
}

/** A file after all that it imports. */
function closureOf(file: DescFile, found = new Set<DescFile>()): Set<DescFile> {
  for (const dependency of file.dependencies) closureOf(dependency, found);
  return found.add(file);
}

function relax({ proto }: DescFile): FileDescriptorProto {
  const file = clone(FileDescriptorProtoSchema, proto);
  const queue: DescriptorProto[] = [...file.messageType];
  for (let message = queue.pop(); message !== undefined; message = queue.pop()) {
    for (const field of message.field) {
      if (field.label === Label.REQUIRED) field.label = Label.OPTIONAL;
    }
    queue.push(...message.nestedType);
  }
  return file;
}
