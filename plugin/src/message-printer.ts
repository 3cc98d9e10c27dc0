// Writes what is generated for each message that a mask is over: functions that take the message and a mask. Each is a
// line around the runtime, so that a bundler keeps those that are used.

import type { Printable } from "@bufbuild/protoplugin";
import type { MessageModel } from "./message-model.ts";
import type { Context } from "./print-context.ts";
import {
  doc,
  globals,
  keepName,
  definitionName,
  messageType,
  messageValue,
  placesName,
  runtimeType,
  runtimeValue,
  schemaName,
} from "./print-context.ts";

/** Writes the functions of one message. */
export function printMessage(context: Context, message: MessageModel): void {
  const { f, shape } = context;
  const { localName: name, typeName } = message;
  const type = messageType(context, message.desc);
  const path = context.paths.widestNameOf(message);
  const schema = schemaName(message);
  const mask: Printable = [runtimeType(f, "Mask"), `<${path}>`];
  const maybeMask: Printable = [mask, " | undefined"];
  const names = (text: string): Printable => globals(context, text);
  const places: Printable = [type, `, ${placesName(message)}, `, names("Chosen")];
  const chosen: Printable = [runtimeType(f, "Mask"), `<${path}, `, names("Chosen>")];
  const selected: Printable = [runtimeType(f, "Selected"), "<", places, ">"];
  const bytes = names("Uint8Array");
  const run = (runtime: string, args: string): Printable => [
    runtimeValue(f, runtime),
    `(${schema}, ${args})`,
  ];

  const write = (
    comment: string,
    head: Printable,
    parameters: Printable,
    result: Printable,
    body: Printable,
  ): void => {
    f.print();
    f.print(doc(comment));
    f.print(head, "(", parameters, "): ", result, " {");
    f.print("  return ", body, ";");
    f.print("}");
  };
  const fn = (verb: string, suffix = ""): Printable => f.export("function", `${verb}${name}${suffix}`);

  write(
    `A mask of these paths of ${typeName}; what it is applied to has the type of what they name. Throws a MaskError if one is wrong.`,
    [fn("mask"), names("<const Chosen extends "), `"*" | ${path}>`],
    names("...paths: readonly Chosen[]"),
    chosen,
    [runtimeValue(f, "requireMask"), `(${definitionName(message)}, paths, { emptyMask: "nothing" })`],
  );
  write(
    `A new ${typeName} with only what the mask selects.`,
    [fn("filter"), names("<Chosen extends string = string>")],
    ["message: ", type, ", mask: ", chosen],
    selected,
    shape.messages === "ts-proto"
      ? [runtimeValue(f, "applyMask"), "<", places, `>(message, mask, ${schema}, ${keepName(message)})`]
      : [runtimeValue(f, "filterBy"), "<", places, `>(${schema}, message, mask)`],
  );
  write(
    `A new ${typeName} without what the mask selects. No mask drops nothing.`,
    fn("prune"),
    ["message: ", type, ", mask: ", maybeMask],
    type,
    run("pruneBy", "message, mask"),
  );
  write(
    "`target` with what the mask names taken from `patch` (AIP-134, AIP-161). No mask: what is populated.",
    fn("update"),
    [
      "target: ",
      type,
      ", patch: ",
      type,
      ", mask: ",
      maybeMask,
      ", options?: ",
      runtimeType(f, "UpdateOptions"),
    ],
    type,
    run("updateBy", "target, patch, mask, options"),
  );
  write(
    "`target` with what the mask names merged from `source`, as FieldMaskUtil of protobuf does it.",
    fn("merge"),
    [
      "target: ",
      type,
      ", source: ",
      type,
      ", mask: ",
      maybeMask,
      ", options?: ",
      runtimeType(f, "MergeOptions"),
    ],
    type,
    run("mergeBy", "target, source, mask, options"),
  );
  write(
    "The mask of what changed: updating `before` by it from `after` gives `after`.",
    fn("diff"),
    ["before: ", type, ", after: ", type, ", options?: ", runtimeType(f, "DiffOptions")],
    mask,
    [runtimeValue(f, "diffBy"), `<${path}>(${schema}, before, after, options)`],
  );
  write(
    `An encoded ${typeName} with only what the mask selects, without decoding it.`,
    fn("filter", "Bytes"),
    ["bytes: ", bytes, ", mask: ", mask, ", options?: ", runtimeType(f, "FilterBytesOptions")],
    bytes,
    run("filterBytes", "bytes, mask, options"),
  );
  if (shape.messages === "protobuf-es") {
    const encode: Printable = [
      f.import("toBinary", "@bufbuild/protobuf"),
      "(",
      messageValue(context, message.desc),
      ", ",
    ];
    write(
      `Encodes only what the mask selects of a ${typeName}.`,
      fn("encode"),
      ["message: ", type, ", mask: ", mask],
      bytes,
      [encode, run("filterMessage", "message, mask"), " as ", type, ")"],
    );
  } else if (shape.encodes) {
    write(
      `Encodes only what the mask selects of a ${typeName}.`,
      fn("encode"),
      ["message: ", type, ", ", names("mask"), ": ", mask],
      bytes,
      [messageValue(context, message.desc), `.encode(filter${name}(message, mask)).finish()`],
    );
  }
}
