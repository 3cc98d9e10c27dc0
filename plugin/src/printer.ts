// Writes one generated file: what wraps the runtime for each mask field, then path types, filter functions and tables,
// each once for each message.

import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import { printKeep } from "./keep-printer.ts";
import type { MessageModel } from "./message-model.ts";
import type { FileModel, MaskModel } from "./model.ts";
import { PathTypes } from "./path-types.ts";
import type { Context } from "./print-context.ts";
import {
  doc,
  keepName,
  lowerFirst,
  messageType,
  runtimeType,
  runtimeValue,
  schemaName,
} from "./print-context.ts";

/** Writes `file` to `f`. The same model always gives the same text. */
export function printFile(f: GeneratedFile, fileName: string, file: FileModel, pathDepth: number): void {
  const context: Context = { f, fileName, file, paths: new PathTypes(file.masks, pathDepth) };
  for (const mask of file.masks) printMask(context, mask);
  for (const message of new Set(file.masks.map((mask) => mask.message))) printFilter(context, message);
  printPathTypes(context);
  for (const message of file.messages) printKeep(context, message);
  for (const message of file.messages) printSchema(context, message);
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

function printSchema({ f }: Context, message: MessageModel): void {
  const define = runtimeValue(f, "defineMessage");
  f.print();
  f.print(
    "const ",
    schemaName(message),
    ": ",
    runtimeType(f, "MessageSchema"),
    " = /* @__PURE__ */ ",
    define,
    "(",
  );
  f.print("  ", JSON.stringify(message.typeName), ",");
  f.print("  () => [");
  for (const field of message.fields) {
    const inside = field.message === undefined ? "" : schemaName(field.message);
    let kind: Printable = inside === "" ? "" : [", ", inside];
    if (field.kind === "list") kind = [", ", runtimeValue(f, "listOf"), `(${inside})`];
    if (field.kind === "map") {
      kind = [", ", runtimeValue(f, "mapOf"), `("${field.mapKey}"${inside === "" ? "" : `, ${inside}`})`];
    }
    f.print("    [", JSON.stringify(field.name), ", ", field.number, kind, "],");
  }
  f.print("  ],");
  f.print(");");
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
