// What the parts of the printer share: the file they write to, and the names in it.

import type { DescMessage } from "@bufbuild/protobuf";
import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import { lowerFirst } from "./declared-names.ts";
import type { MessageModel } from "./message-model.ts";
import type { FileModel, MaskModel } from "./model.ts";
import { importPath, typeName } from "./names.ts";
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

/** The type of a message as ts-proto or protobuf-es wrote it. */
export function messageType({ f, shape }: Context, desc: DescMessage): Printable {
  if (shape.messages === "protobuf-es") return f.importShape(desc);
  return f.import(typeName(desc, shape), importPath(desc.file, shape), true);
}

/** The value that stands for a message type: what encodes it in ts-proto, its descriptor in protobuf-es. */
export function messageValue({ f, shape }: Context, desc: DescMessage): Printable {
  if (shape.messages === "protobuf-es") return f.importSchema(desc);
  return f.import(typeName(desc, shape), importPath(desc.file, shape));
}

/** A property in an object or an interface. */
export function key(property: string): string {
  return isIdentifier(property) ? property : JSON.stringify(property);
}

/** What follows an object to read its property. */
export function access(property: string): string {
  return isIdentifier(property) ? `.${property}` : `[${JSON.stringify(property)}]`;
}

/** Reads a property of a message; for one that every object inherits, such as `constructor`, only its own. */
export function read(f: GeneratedFile, object: string, property: string): Printable {
  if (!Object.hasOwn(Object.prototype, property)) return `${object}${access(property)}`;
  return [runtimeValue(f, "own"), `(${object}, ${JSON.stringify(property)})`];
}

function isIdentifier(property: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(property);
}

/** A name that this file declares. As a symbol of this file, it makes protoplugin rename what is imported under this name. */
export function declared({ f, fileName }: Context, name: string): Printable {
  return f.import(name, `./${fileName.replace(/\.ts$/, ".js")}`);
}

/**
 * TypeScript that names globals, or what a function has of its own: type parameters, and the parameter `mask`. They are
 * treated as if this file declared them, so that messages of these names do not get in the way.
 */
export function globals(context: Context, text: string): Printable {
  return text
    .split(/\b(Map|Buffer|Uint8Array|Date|Temporal|Long|Pick|Request|Chosen|mask)\b/)
    .map((part, i) => (i % 2 === 0 ? part : declared(context, part)));
}

/** A one-line comment on an export. */
export function doc(text: string): Printable {
  return `/** ${text} */`;
}

export const keepName = (message: MessageModel): string => `keep${message.localName}`;
/** What stands for a mask field, and for all masks of a message. Each kind of name has an end of its own. */
export const fieldName = (mask: MaskModel): string => `${lowerFirst(mask.name)}Field`;
export const definitionName = (message: MessageModel): string => `${lowerFirst(message.localName)}Definition`;
export const placesName = (message: MessageModel): string => `${message.localName}Places`;
export const schemaName = (message: MessageModel): string => `${lowerFirst(message.localName)}Schema`;
