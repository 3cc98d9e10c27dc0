// Writes the function that copies the selected part of one message: one line for each field, no loop over tables.

import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import type { FieldModel, MessageModel } from "./message-model.ts";
import type { Context } from "./print-context.ts";
import { keepName, messageType, runtimeType, runtimeValue } from "./print-context.ts";

/** Writes `keepJob`. A message that is held as a Date has its function in the runtime. */
export function printKeep(context: Context, message: MessageModel): void {
  const { f } = context;
  const { form, fields } = message;
  if (form.kind === "date") return;
  f.print();
  if (form.kind === "unwrapped") {
    const unwrapped = runtimeValue(f, "unwrappedPart");
    f.print(
      "const ",
      keepName(message),
      " = ",
      unwrapped,
      `<${form.type}>(() => `,
      zero(context, form.zero),
      ");",
    );
    return;
  }
  const shape = messageType(f, message);
  if (fields.length === 0) {
    f.print("function ", keepName(message), "(): ", shape, " {");
    f.print("  return {};");
    f.print("}");
    return;
  }
  const tree: Printable = ["{ fields }: ", runtimeType(f, "MessageTree")];
  f.print("function ", keepName(message), "(message: ", shape, ", ", tree, "): ", shape, " {");
  f.print("  return {");
  const oneofs = new Set<string>();
  for (const [index, field] of fields.entries()) {
    if (field.oneof === undefined) {
      f.print("    ", key(field.property), ": ", part(context, field, index), ",");
    } else if (!oneofs.has(field.oneof)) {
      oneofs.add(field.oneof);
      f.print(
        "    ",
        key(field.oneof),
        `: ${oneofName(message, field.oneof)}(message${access(field.oneof)}, fields),`,
      );
    }
  }
  f.print("  };");
  f.print("}");
  for (const oneof of oneofs) printOneof(f, message, oneof);
}

function printOneof(f: GeneratedFile, message: MessageModel, oneof: string): void {
  const union: Printable = [messageType(f, message), `[${JSON.stringify(oneof)}]`];
  const slots: Printable = [runtimeType(f, "MessageTree"), '["fields"]'];
  f.print();
  f.print("function ", oneofName(message, oneof), "(value: ", union, ", fields: ", slots, "): ", union, " {");
  f.print("  switch (value?.$case) {");
  for (const [index, field] of message.fields.entries()) {
    if (field.oneof !== oneof) continue;
    f.print("    case ", JSON.stringify(field.property), ":");
    f.print("      return ", memberPart(f, field, index), ";");
  }
  f.print("    default:");
  f.print("      return undefined;");
  f.print("  }");
  f.print("}");
}

/** The expression for one field of the copy. */
function part(context: Context, field: FieldModel, index: number): Printable {
  const { f } = context;
  const held = `message${access(field.property)}`;
  const slot = `fields[${index}]`;
  const keep: Printable = field.message === undefined ? "" : [", ", keepOf(f, field.message)];
  if (field.kind === "map") return [runtimeValue(f, "mapPart"), `(${held}, ${slot}`, keep, ")"];
  if (field.message === undefined) return [`${slot} ? ${held} : `, zero(context, field.zero)];
  const helper = field.kind === "list" ? "listPart" : "messagePart";
  return [runtimeValue(f, helper), `(${held}, ${slot}`, keep, ")"];
}

/** The expression for the member of a oneof that is set. */
function memberPart(f: GeneratedFile, field: FieldModel, index: number): Printable {
  const slot = `fields[${index}]`;
  if (field.message === undefined) return `${slot} ? value : undefined`;
  // ts-proto lets a wrapper be undefined inside of the union; another message is always there.
  const helper = field.message.form.kind === "unwrapped" ? "messagePart" : "memberPart";
  const held = `value${access(field.property)}`;
  const kept: Printable = [runtimeValue(f, helper), `(${held}, ${slot}, `, keepOf(f, field.message), ")"];
  return [`${slot} && { $case: ${JSON.stringify(field.property)}, ${key(field.property)}: `, kept, " }"];
}

function keepOf(f: GeneratedFile, message: MessageModel): Printable {
  return message.form.kind === "date" ? runtimeValue(f, "datePart") : keepName(message);
}

// A global that is printed as a symbol of this file makes protoplugin rename a message of the same name on import.
function zero({ f, fileName }: Context, text: string): Printable {
  const [, before = "", name, after = ""] = /^(new )?(Map|Buffer|Uint8Array)(.*)$/.exec(text) ?? [];
  return name === undefined ? text : [before, f.import(name, `./${fileName.replace(/\.ts$/, ".js")}`), after];
}

function oneofName(message: MessageModel, oneof: string): string {
  return `${keepName(message)}_${oneof.replaceAll(/[^\w$]/g, "_")}`;
}

function key(property: string): string {
  return isIdentifier(property) ? property : JSON.stringify(property);
}

function access(property: string): string {
  return isIdentifier(property) ? `.${property}` : `[${JSON.stringify(property)}]`;
}

function isIdentifier(property: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(property);
}
