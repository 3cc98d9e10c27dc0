// Writes the function that copies the selected part of one message: one line for each field, no loop over tables.

import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import { lowerFirst } from "./declared-names.ts";
import type { FieldModel, MessageModel } from "./message-model.ts";
import type { Context } from "./print-context.ts";
import {
  access,
  declared,
  globals,
  keepName,
  key,
  messageType,
  read,
  runtimeType,
  runtimeValue,
  schemaName,
} from "./print-context.ts";

/** Writes `keepJob`. */
export function printKeep(context: Context, message: MessageModel): void {
  const { f } = context;
  const { form, fields } = message;
  f.print();
  if (form.kind === "value") {
    const value = runtimeValue(f, "valueKeep");
    f.print(
      "const ",
      declared(context, keepName(message)),
      " = ",
      value,
      "<",
      globals(context, form.type),
      `>(${schemaName(message)});`,
    );
    return;
  }
  const shape = messageType(context, message.desc);
  if (fields.length === 0) {
    f.print("function ", declared(context, keepName(message)), "(): ", shape, " {");
    f.print("  return {};");
    f.print("}");
    return;
  }
  const tree: Printable = ["{ fields }: ", runtimeType(f, "Slots")];
  const name = declared(context, keepName(message));
  f.print("function ", name, "(message: ", shape, ", ", tree, "): ", shape, " {");
  f.print("  return {");
  const unions = new Set<string>();
  for (const [index, field] of fields.entries()) {
    if (field.union === undefined) {
      f.print("    ", key(field.property), ": ", part(context, field, index), ",");
    } else if (!unions.has(field.union)) {
      unions.add(field.union);
      f.print(
        "    ",
        key(field.union),
        `: ${unionName(message, field.union)}(message${access(field.union)}, fields),`,
      );
    }
  }
  f.print("  };");
  f.print("}");
  for (const union of unions) printUnion(context, message, union);
}

function printUnion(context: Context, message: MessageModel, union: string): void {
  const { f } = context;
  const type: Printable = [messageType(context, message.desc), `[${JSON.stringify(union)}]`];
  const slots: Printable = [runtimeType(f, "Slots"), '["fields"]'];
  f.print();
  const name = declared(context, unionName(message, union));
  f.print("function ", name, "(value: ", type, ", fields: ", slots, "): ", type, " {");
  f.print("  switch (value?.$case) {");
  for (const [index, field] of message.fields.entries()) {
    if (field.union !== union) continue;
    f.print("    case ", JSON.stringify(field.property), ":");
    f.print("      return ", memberPart(context, field, index), ";");
  }
  f.print("    default:");
  f.print("      return undefined;");
  f.print("  }");
  f.print("}");
}

/** The expression for one field of the copy. */
function part(context: Context, field: FieldModel, index: number): Printable {
  const { f } = context;
  const held = read(f, "message", field.property);
  const slot = `fields[${index}]`;
  const { message } = field;
  const keep: Printable =
    message === undefined ? "" : [", ", keepName(message), `, ${message.fields.length}`];
  const copy = copyOf(f, field);
  const orCopy: Printable = message === undefined ? (copy === undefined ? "" : [", ", copy]) : keep;
  switch (field.kind) {
    case "map": {
      const name = `${message === undefined ? "scalar" : ""}${field.asMap ? "Map" : "Object"}Part`;
      return [runtimeValue(f, lowerFirst(name)), "(", held, `, ${slot}`, orCopy, ")"];
    }
    case "list":
      return [
        runtimeValue(f, message === undefined ? "scalarsPart" : "listPart"),
        "(",
        held,
        `, ${slot}`,
        orCopy,
        ")",
      ];
    case "message":
      return [runtimeValue(f, "messagePart"), "(", held, `, ${slot}`, keep, ")"];
    case "scalar": {
      const kept: Printable = copy === undefined ? held : [copy, "(", held, ")"];
      return [`${slot} ? `, kept, " : ", globals(context, field.zero)];
    }
  }
}

/** The expression for the member of a oneof that is set. */
function memberPart({ f, shape }: Context, field: FieldModel, index: number): Printable {
  const slot = `fields[${index}]`;
  const { message } = field;
  const copy = copyOf(f, field);
  const property = shape.oneof === "unions" ? field.property : "value";
  const held = `value${access(property)}`;
  // ts-proto lets a wrapper and a FieldMask be undefined inside of the union; another message is always there.
  const helper = message !== undefined && mayBeUndefined(message) ? "messagePart" : "memberPart";
  const kept: Printable =
    message === undefined
      ? copy === undefined
        ? held
        : [copy, `(${held})`]
      : [runtimeValue(f, helper), `(${held}, ${slot}, `, keepName(message), `, ${message.fields.length})`];
  return [`${slot} && { $case: ${JSON.stringify(field.property)}, ${key(property)}: `, kept, " }"];
}

function mayBeUndefined({ form }: MessageModel): boolean {
  return form.kind === "value" && form.define !== "defineTimestamp";
}

/** What copies a value that could be changed in place. */
function copyOf(f: GeneratedFile, { scalar }: FieldModel): Printable | undefined {
  if (scalar === "bytes") return runtimeValue(f, "copyBytes");
  return scalar === "opaque" ? runtimeValue(f, "copyOpaque") : undefined;
}

function unionName(message: MessageModel, union: string): string {
  return `${keepName(message)}_${union}`;
}
