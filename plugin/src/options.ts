// Reads the option that stands on a mask field: extension 1142 of google.protobuf.FieldOptions.

import type { DescField, DescFile } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { FieldMask } from "./gen/fieldmask/option_pb.ts";
import { Option } from "./gen/fieldmask/option_pb.ts";

/** What the proto's author asks for. A side without `gen: true` is absent. */
export interface MaskOption {
  readonly in?: { readonly resource: string };
  readonly out?: { readonly message: string };
}

/** The option of a field, that it has none, or that its bytes are something else. */
export type ReadOption =
  | { readonly kind: "option"; readonly option: MaskOption }
  | { readonly kind: "none" }
  | { readonly kind: "foreign"; readonly description: string };

/** Which wire type each field of the option has; a message stands for its own fields. */
interface WireShape {
  readonly [number: number]: WireType | WireShape;
}

const optionShape: WireShape = {
  1: { 1: WireType.Varint, 2: WireType.LengthDelimited },
  2: { 1: WireType.Varint, 2: WireType.LengthDelimited },
};

/**
 * The option of one field. protoc writes one record for each option statement; protobuf-es merges them. The rewrite of
 * the plugin that came first uses the same number for another message, whose field 1 is a bool: decoding it as ours
 * throws, so the wire types are looked at first.
 */
export function readOption(field: DescField): ReadOption {
  const records = (field.proto.options?.$unknown ?? []).filter(({ no }) => no === Option.number);
  for (const { wireType, data } of records) {
    if (wireType !== WireType.LengthDelimited || !fits(new BinaryReader(data).bytes(), optionShape)) {
      return {
        kind: "foreign",
        description:
          "option 1142 is not fieldmask.option.FieldMask; protoc-gen-fieldmask 2 for Go has another one there",
      };
    }
  }
  if (!hasOption(field, Option)) return { kind: "none" };
  return { kind: "option", option: toMaskOption(getOption(field, Option)) };
}

/** The methods of a file that carry the option of that rewrite; ours has none for methods. */
export function foreignMethods(file: DescFile): string[] {
  return file.services
    .flatMap(({ methods }) => methods)
    .filter(({ proto }) => proto.options?.$unknown?.some(({ no }) => no === Option.number))
    .map(
      ({ parent, name }) =>
        `${file.name}.proto: ${parent.typeName}.${name}: option ${Option.number} of a method ` +
        "is that of protoc-gen-fieldmask 2 for Go",
    );
}

function toMaskOption(message: FieldMask): MaskOption {
  return {
    ...(message.in?.gen ? { in: { resource: message.in.resource } } : {}),
    ...(message.out?.gen ? { out: { message: message.out.message } } : {}),
  };
}

/** True if the bytes are a message in which every known field has its wire type. */
function fits(bytes: Uint8Array, shape: WireShape): boolean {
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      const expected = shape[number];
      if (typeof expected === "object") {
        if (wireType !== WireType.LengthDelimited || !fits(reader.bytes(), expected)) return false;
      } else if (expected !== undefined && wireType !== expected) {
        return false;
      } else {
        reader.skip(wireType, number);
      }
    }
    return true;
  } catch {
    return false;
  }
}
