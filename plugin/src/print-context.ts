// What the parts of the printer share: the file they write to, and the names in it.

import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import type { MessageModel } from "./message-model.ts";
import type { FileModel } from "./model.ts";
import type { Shape } from "./parameters.ts";
import type { PathTypes } from "./path-types.ts";

/** Everything a part of the printer needs. */
export interface Context {
  readonly f: GeneratedFile;
  readonly fileName: string;
  readonly file: FileModel;
  readonly paths: PathTypes;
  readonly shape: Shape;
}

const codegen = "@fieldpost/fieldmask/codegen";

/** A function of the runtime. */
export function runtimeValue(f: GeneratedFile, name: string): Printable {
  return f.import(name, codegen);
}

/** A type of the runtime. */
export function runtimeType(f: GeneratedFile, name: string): Printable {
  return f.import(name, codegen, true);
}

/** The interface that ts-proto wrote for a message. */
export function messageType(f: GeneratedFile, { form }: MessageModel): Printable {
  return form.kind === "interface" ? f.import(form.name, form.importPath, true) : "never";
}

/**
 * TypeScript that names globals. Printed as symbols of this file, they make protoplugin rename a message of the same name
 * on import.
 */
export function globals({ f, fileName }: Context, text: string): Printable {
  return text
    .split(/\b(Map|Buffer|Uint8Array|Date|Temporal|Long)\b/)
    .map((part, i) => (i % 2 === 0 ? part : f.import(part, `./${fileName.replace(/\.ts$/, ".js")}`)));
}

/** A one-line comment on an export. */
export function doc(text: string): Printable {
  return `/** ${text} */`;
}

export const keepName = (message: MessageModel): string => `keep${message.localName}`;
export const schemaName = (message: MessageModel): string => `${lowerFirst(message.localName)}Schema`;

export function lowerFirst(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}
