// Writes one generated file: what wraps the runtime for each mask field, then path types, filter functions and tables,
// each once for each message.

import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import { printKeep } from "./keep-printer.ts";
import type { FieldModel, MessageModel } from "./message-model.ts";
import type { FileModel, MaskModel } from "./model.ts";
import type { Parameters } from "./parameters.ts";
import { PathTypes } from "./path-types.ts";
import type { Context } from "./print-context.ts";
import {
  doc,
  globals,
  keepName,
  lowerFirst,
  messageType,
  runtimeType,
  runtimeValue,
  schemaName,
} from "./print-context.ts";

/** Writes `file` to `f`. The same model always gives the same text. */
export function printFile(f: GeneratedFile, fileName: string, file: FileModel, parameters: Parameters): void {
  const { pathDepth, shape } = parameters;
  const context: Context = { f, fileName, file, shape, paths: new PathTypes(file.masks, pathDepth) };
  // A default export, which protoplugin cannot import.
  if (shape.long === "long") f.print('import Long from "long";');
  for (const mask of file.masks) printMask(context, mask);
  for (const message of new Set(file.masks.map((mask) => mask.message))) printFilter(context, message);
  printPathTypes(context);
  printShape(context);
  for (const message of file.messages) printSchema(context, message);
  for (const message of file.messages) printKeep(context, message);
  // Last, since a definition takes the schema itself, and tables may take each other only later.
  f.print();
  for (const mask of file.masks) printDefinition(context, mask);
}

function printMask({ f, paths }: Context, mask: MaskModel): void {
  const { name, field, message } = mask;
  const path = paths.nameOf(message, mask.profile);
  const definition = lowerFirst(name);
  const given = "paths: readonly string[] | undefined";
  const options: Printable = ["options?: ", runtimeType(f, "ParseOptions")];
  const wrap = (
    verb: string,
    comment: string,
    parameters: Printable,
    result: Printable,
    args: string,
  ): void => {
    f.print();
    f.print(doc(comment));
    f.print(f.export("function", verb + name), "(", parameters, "): ", result, " {");
    f.print("  return ", runtimeValue(f, `${verb}Mask`), `(${definition}, ${args});`);
    f.print("}");
  };

  f.print();
  f.print(doc(`What \`${field}\` may hold: paths of ${message.typeName}, or "*" for all of it.`));
  f.print(f.export("type", `${name}Path`), ` = "*" | ${path};`);
  wrap(
    "parse",
    `Reads \`${field}\`: a compiled mask, or everything that is wrong with it.`,
    [given, ", ", options],
    [runtimeType(f, "MaskResult"), `<${path}>`],
    "paths, options",
  );
  wrap(
    "compile",
    `Reads \`${field}\` leniently: a path that names nothing selects nothing. Never fails.`,
    [given, ", ", options],
    [runtimeType(f, "Mask"), `<${path}>`],
    "paths, options",
  );
  wrap(
    "validate",
    `Everything that is wrong with \`${field}\`; empty if nothing is.`,
    given,
    ["readonly ", runtimeType(f, "Violation"), "[]"],
    "paths",
  );
}

function printFilter({ f, paths }: Context, message: MessageModel): void {
  const shape = messageType(f, message);
  const mask: Printable = [runtimeType(f, "Mask"), `<${paths.widestNameOf(message)}>`];
  f.print();
  f.print(
    doc(
      `A new ${message.typeName} with only what the mask selects. Parts that are selected whole are shared, not copied.`,
    ),
  );
  f.print(
    f.export("function", `filter${message.localName}`),
    "(message: ",
    shape,
    ", mask: ",
    mask,
    "): ",
    shape,
    " {",
  );
  f.print(
    "  return ",
    runtimeValue(f, "applyMask"),
    `(message, mask, ${schemaName(message)}, ${keepName(message)});`,
  );
  f.print("}");
}

function printPathTypes({ f, paths }: Context): void {
  for (const { name, exported, message, depth, parameters, members } of paths.all) {
    const bound = depth === undefined ? "" : ` It contains itself; the type goes ${depth} levels deep.`;
    if (exported || parameters !== "") f.print();
    if (exported) f.print(doc(`Paths of ${message.typeName}.${bound}`));
    const declaration: Printable = [exported ? f.export("type", name) : `type ${name}`, parameters, " ="];
    if (members.length < 2) {
      f.print(declaration, " ", members[0] ?? "never", ";");
      continue;
    }
    f.print(declaration);
    for (const [i, member] of members.entries()) f.print("  | ", member, i === members.length - 1 ? ";" : "");
  }
}

/** What the runtime has to know of ts-proto's options. */
function printShape(context: Context): void {
  const { f, shape } = context;
  const long = shape.long === "long" ? globals(context, "Long") : JSON.stringify(shape.long);
  const bytes = shape.bytes === "Buffer" ? "() => Buffer.alloc(0)" : "() => new Uint8Array(0)";
  f.print();
  f.print("const shape: ", runtimeType(f, "TsProtoShape"), " = {");
  f.print("  oneof: ", JSON.stringify(shape.oneof), ",");
  f.print("  maps: ", JSON.stringify(shape.useMapType ? "Map" : "object"), ",");
  f.print("  long: ", long, ",");
  f.print("  emptyBytes: ", globals(context, bytes), ",");
  f.print("};");
}

function printSchema({ f }: Context, message: MessageModel): void {
  f.print();
  f.print("const ", schemaName(message), ": ", runtimeType(f, "MessageSchema"), " = /* @__PURE__ */ ");
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

function printDefinition({ f, paths }: Context, mask: MaskModel): void {
  const also = mask.also === undefined ? "" : `, also: ${schemaName(mask.also)}`;
  const path = paths.nameOf(mask.message, mask.profile);
  f.print(
    "const ",
    lowerFirst(mask.name),
    " = /* @__PURE__ */ ",
    runtimeValue(f, "defineMask"),
    `<${path}>(`,
  );
  f.print("  ", schemaName(mask.message), ",");
  f.print(`  { profile: "${mask.profile}"${also} },`);
  f.print(");");
}
