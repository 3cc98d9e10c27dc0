// Writes what is generated for each mask field: its paths, what reads and checks it, and one function that applies it to
// a message.

import type { DescMessage } from "@bufbuild/protobuf";
import type { Printable } from "@bufbuild/protoplugin";
import type { MaskModel } from "./model.ts";
import type { Context } from "./print-context.ts";
import {
  doc,
  fieldName,
  globals,
  messageType,
  read,
  runtimeType,
  runtimeValue,
  schemaName,
} from "./print-context.ts";

/** Writes everything for one mask field. */
export function printMask(context: Context, mask: MaskModel): void {
  printReading(context, mask);
  printWith(context, mask);
  if (mask.profile === "read") printRead(context, mask);
  else printUpdate(context, mask);
}

/** `parse…`, `compile…` and `validate…`. */
function printReading({ f, paths }: Context, mask: MaskModel): void {
  const { name, field, message } = mask;
  const path = paths.nameOf(message, mask.profile);
  const definition = fieldName(mask);
  const given = "paths: readonly string[] | undefined";
  const options: Printable = ["options?: ", runtimeType(f, "ParseOptions")];
  const wrap = (verb: string, comment: string, result: Printable): void => {
    f.print();
    f.print(doc(comment));
    f.print(f.export("function", verb + name), "(", given, ", ", options, "): ", result, " {");
    f.print("  return ", runtimeValue(f, `${verb}Mask`), `(${definition}, paths, options);`);
    f.print("}");
  };

  f.print();
  f.print(doc(`What \`${field}\` may hold: paths of ${message.typeName}, or "*" for all of it.`));
  f.print(f.export("type", `${name}Path`), ` = "*" | ${path};`);
  wrap("parse", `Reads \`${field}\`: a compiled mask, or everything that is wrong with it.`, [
    runtimeType(f, "MaskResult"),
    `<${path}>`,
  ]);
  wrap("compile", `Reads \`${field}\` leniently: a path that names nothing selects nothing. Never fails.`, [
    runtimeType(f, "Mask"),
    `<${path}>`,
  ]);
  wrap("validate", `Everything that is wrong with \`${field}\`; empty if nothing is.`, [
    "readonly ",
    runtimeType(f, "Violation"),
    "[]",
  ]);
}

/** `with…`: for callers, who fill the mask. */
function printWith(context: Context, mask: MaskModel): void {
  const { f, shape } = context;
  const request = messageType(context, mask.request);
  const property = JSON.stringify(mask.property);
  f.print();
  f.print(doc(`A copy of a request whose \`${mask.field}\` names these paths as well.`));
  f.print(
    f.export("function", `with${mask.name}`),
    globals(context, "<Request extends Pick<"),
    request,
    `, ${property}>>`,
    globals(context, "(request: Request, "),
    `...paths: ${mask.name}Path[]): `,
    globals(context, "Request {"),
  );
  if (shape.messages === "ts-proto") {
    f.print("  return ", runtimeValue(f, "addPaths"), `(request, ${property}, paths);`);
  } else {
    const empty: Printable = [
      f.import("create", "@bufbuild/protobuf"),
      "(",
      f.import("FieldMaskSchema", "@bufbuild/protobuf/wkt"),
      ")",
    ];
    f.print("  return ", runtimeValue(f, "addPathsToMessage"), `(request, ${property}, paths, `, empty, ");");
  }
  f.print("}");
}

/** `apply…` of a mask over the response. */
function printRead(context: Context, mask: MaskModel): void {
  const { f } = context;
  const { message, name } = mask;
  const type = messageType(context, message.desc);
  f.print();
  f.print(
    doc(
      `What \`${mask.field}\` of a request selects of a ${message.typeName}. Throws a MaskError if a path is wrong.`,
    ),
  );
  f.print(f.export("function", `apply${name}`), "(");
  f.print("  request: ", part(context, mask.request, mask.property), ",");
  f.print("  message: ", type, ",");
  f.print("  options?: ", runtimeType(f, "ParseOptions"), ",");
  f.print("): ", type, " {");
  f.print("  return filter", message.localName, "(message, ", requireMask(context, mask), ");");
  f.print("}");
}

/** `apply…` of a mask over what the request brings. */
function printUpdate(context: Context, mask: MaskModel): void {
  const { f } = context;
  const { message, name, resource } = mask;
  const type = messageType(context, message.desc);
  const request = messageType(context, mask.request);
  const options: Printable = [runtimeType(f, "UpdateOptions"), " & ", runtimeType(f, "ParseOptions")];
  f.print();
  f.print(
    doc(
      `\`target\` with what \`${mask.field}\` names taken from the request (AIP-134). Throws a MaskError if a path is wrong.`,
    ),
  );
  f.print(f.export("function", `apply${name}`), "(");
  if (resource === undefined) f.print("  request: ", request, ",");
  else f.print("  request: ", part(context, mask.request, mask.property, resource), ",");
  f.print("  target: ", type, ",");
  f.print("  options?: ", options, ",");
  f.print("): ", type, " {");
  const patch = resource === undefined ? "request" : read(f, "request", resource);
  f.print(
    "  return ",
    runtimeValue(f, "updateBy"),
    `(${schemaName(message)}, target, `,
    patch,
    ", ",
    requireMask(context, mask),
    ", options);",
  );
  f.print("}");
}

/** The type of some properties of a message. */
function part(context: Context, message: DescMessage, ...properties: string[]): Printable {
  const names = properties.map((property) => JSON.stringify(property)).join(" | ");
  return [globals(context, "Pick<"), messageType(context, message), `, ${names}>`];
}

function requireMask({ f, shape }: Context, mask: MaskModel): Printable {
  const held = read(f, "request", mask.property);
  const paths = shape.messages === "ts-proto" ? held : [held, "?.paths"];
  return [runtimeValue(f, "requireMask"), `(${fieldName(mask)}, `, paths, ", options)"];
}
