// Writes one generated file: what wraps the runtime for each mask field, then path types, filter functions and tables,
// each once for each message.

import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import { printKeep } from "./keep-printer.ts";
import { printMask } from "./mask-printer.ts";
import type { FieldModel, MessageModel } from "./message-model.ts";
import { printMessage } from "./message-printer.ts";
import type { FileModel, MaskModel } from "./model.ts";
import type { Parameters } from "./parameters.ts";
import { PathTypes } from "./path-types.ts";
import type { Context } from "./print-context.ts";
import {
  declared,
  doc,
  globals,
  key,
  fieldName,
  definitionName,
  messageValue,
  placesName,
  runtimeType,
  runtimeValue,
  schemaName,
} from "./print-context.ts";

/** Writes `file` to `f`. The same model always gives the same text. */
export function printFile(f: GeneratedFile, fileName: string, file: FileModel, parameters: Parameters): void {
  const { pathDepth, shape } = parameters;
  const context: Context = { f, fileName, file, shape, paths: new PathTypes(file.masks, pathDepth) };
  const roots = [...new Set(file.masks.map((mask) => mask.message))];
  // A default export, which protoplugin cannot import.
  if (shape.messages === "ts-proto" && shape.long === "long") f.print('import Long from "long";');
  for (const mask of file.masks) printMask(context, mask);
  for (const message of roots) printMessage(context, message);
  printPathTypes(context);
  for (const message of file.messages) printPlaces(context, message);
  if (shape.messages === "ts-proto") {
    printShape(context);
    for (const message of file.messages) printSchema(context, message);
    for (const message of file.messages) printKeep(context, message);
  } else {
    f.print();
    for (const message of roots) printEsSchema(context, message);
  }
  // Last, since a definition takes the schema itself, and tables may take each other only later.
  f.print();
  for (const message of roots) {
    printDefinition(context, definitionName(message), context.paths.widestNameOf(message), message, "read");
  }
  for (const mask of file.masks) {
    const path = context.paths.nameOf(mask.message, mask.profile);
    printDefinition(context, fieldName(mask), path, mask.message, mask.profile, mask.also);
  }
}

function printPathTypes(context: Context): void {
  const { f, paths } = context;
  for (const { name, exported, message, depth, parameters, members } of paths.all) {
    const bound = depth === undefined ? "" : ` It contains itself; the type goes ${depth} levels deep.`;
    if (exported || parameters !== "") f.print();
    if (exported) f.print(doc(`Paths of ${message.typeName}.${bound}`));
    const declaration: Printable = [
      exported ? f.export("type", name) : ["type ", declared(context, name)],
      parameters,
      " =",
    ];
    if (members.length < 2) {
      f.print(declaration, " ", members[0] ?? "never", ";");
      continue;
    }
    f.print(declaration);
    for (const [i, member] of members.entries()) f.print("  | ", member, i === members.length - 1 ? ";" : "");
  }
}

/** Where each field is held, for the type of what a mask selects. */
function printPlaces({ f }: Context, message: MessageModel): void {
  f.print();
  f.print(doc(`Where ${message.typeName} holds its fields.`));
  f.print(f.export("interface", placesName(message)), " {");
  for (const field of message.fields) {
    const parts = [`property: ${JSON.stringify(field.union ?? field.property)}`];
    if (field.union !== undefined) parts.push(`member: ${JSON.stringify(field.property)}`);
    if (field.message !== undefined && !field.bare && field.kind !== "map") {
      parts.push(`inside: ${placesName(field.message)}`);
    }
    f.print("  readonly ", key(field.name), `: { ${parts.join("; ")} };`);
  }
  f.print("}");
}

/** What the runtime has to know of ts-proto's options. */
function printShape(context: Context): void {
  const { f, shape } = context;
  const long = shape.long === "long" ? globals(context, "Long") : JSON.stringify(shape.long);
  const bytes = shape.bytes === "Buffer" ? "Buffer.alloc(0)" : "new Uint8Array(0)";
  f.print();
  f.print("// One for all: nothing in it can be changed.");
  f.print("const ", declared(context, "noBytes"), " = /* @__PURE__ */ ", globals(context, bytes), ";");
  f.print();
  f.print("const ", declared(context, "shape"), ": ", runtimeType(f, "TsProtoShape"), " = {");
  f.print("  oneof: ", JSON.stringify(shape.oneof), ",");
  f.print("  maps: ", JSON.stringify(shape.useMapType ? "Map" : "object"), ",");
  f.print("  long: ", long, ",");
  f.print("  noBytes,");
  f.print("};");
}

function printSchema(context: Context, message: MessageModel): void {
  const { f } = context;
  f.print();
  f.print(
    "const ",
    declared(context, schemaName(message)),
    ": ",
    runtimeType(f, "MessageSchema"),
    " = /* @__PURE__ */ ",
  );
  if (message.form.kind === "value") {
    f.print("  ", runtimeValue(f, message.form.define), "(", message.form.args.join(", "), ");");
    return;
  }
  f.print("  ", runtimeValue(f, "defineMessage"), "(", JSON.stringify(message.typeName), ", shape, () => [");
  for (const field of message.fields) {
    const options = fieldOptions(field);
    f.print(
      "    [",
      JSON.stringify(field.name),
      `, ${field.number}, `,
      fieldType(f, field),
      options === "" ? "" : `, ${options}`,
      "],",
    );
  }
  f.print("  ]);");
}

function fieldType(f: GeneratedFile, { kind, message, scalar, mapKey }: FieldModel): Printable {
  const inside = message === undefined ? JSON.stringify(scalar) : schemaName(message);
  if (kind === "list") return [runtimeValue(f, "listOf"), `(${inside})`];
  if (kind === "map") return [runtimeValue(f, "mapOf"), `(${JSON.stringify(mapKey)}, ${inside})`];
  return inside;
}

function fieldOptions(field: FieldModel): string {
  const options: string[] = [];
  const add = (name: string, value: unknown): void => {
    options.push(`${name}: ${JSON.stringify(value)}`);
  };
  if (field.property !== field.name) add("property", field.property);
  if (field.jsonName !== undefined) add("jsonName", field.jsonName);
  if (field.oneof !== undefined) add("oneof", field.union ?? field.oneof);
  else if (field.optional) add("optional", true);
  if (field.behaviors.length > 0) add("behaviors", field.behaviors);
  return options.length === 0 ? "" : `{ ${options.join(", ")} }`;
}

function printEsSchema(context: Context, message: MessageModel): void {
  const { f } = context;
  f.print(
    "const ",
    declared(context, schemaName(message)),
    ": ",
    runtimeType(f, "MessageSchema"),
    " = /* @__PURE__ */ ",
    f.import("schemaOf", "@fieldpost/fieldmask/protobuf-es"),
    "(",
    messageValue(context, message.desc),
    ");",
  );
}

function printDefinition(
  context: Context,
  name: string,
  path: string,
  message: MessageModel,
  profile: MaskModel["profile"],
  alsoMessage?: MessageModel,
): void {
  const { f } = context;
  const also = alsoMessage === undefined ? "" : `, also: ${schemaName(alsoMessage)}`;
  f.print(
    "const ",
    declared(context, name),
    " = /* @__PURE__ */ ",
    runtimeValue(f, "defineMask"),
    `<${path}>(`,
  );
  f.print("  ", schemaName(message), ",");
  f.print(`  { profile: "${profile}"${also} },`);
  f.print(");");
}
