// A schema with what is generated for its message Root: the messages of protobuf-es, those of ts-proto in one of the
// shapes that its options give, and our code for both.

import { join } from "node:path";
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { codecOf, functionsOf, pick } from "../support/message-functions.ts";
import type { MessageFunctions, Module } from "../support/message-functions.ts";
import { withoutRequired } from "./required.ts";
import type { Schema } from "./schemas.ts";
import type { Shape } from "./shapes.ts";
import { shapes, widest } from "./shapes.ts";

/** A schema, and the messages of the targets that can have it. */
export interface Subject {
  readonly schema: Schema;
  /** The shape of ts-proto's messages, or for protobuf-es alone the one that holds most. */
  readonly shape: Shape;
  /** Of Root. It requires no field. */
  readonly desc: DescMessage;
  readonly protobufEs: Target;
  readonly tsProto: Target | undefined;
}

/** What is generated for the message Root. */
export interface Target extends MessageFunctions {
  readonly name: "ts-proto" | "protobuf-es";
  decode(bytes: Uint8Array): object;
  /** Also a message without some of its required fields. */
  encode(message: object): Uint8Array;
  /** As the library does it: throws if a required field is unset. */
  encodeStrictly(message: object): Uint8Array;
}

/** Imports what was generated for one schema into a directory; `shapeIndex`: with which shape for ts-proto, if any. */
export async function loadSubject(
  directory: string,
  schema: Schema,
  shapeIndex: number | undefined,
): Promise<Subject> {
  const load = (folder: string, file: string): Promise<Module> =>
    import(join(directory, folder, `${schema.name}${file}.ts`)) as Promise<Module>;
  const [messages, masks] = await Promise.all([
    load("protobuf-es", "_pb"),
    load("protobuf-es", "_fieldmask"),
  ]);
  const strict = pick<DescMessage>(messages, "RootSchema");
  const desc = withoutRequired(strict);
  const protobufEs: Target = {
    name: "protobuf-es",
    decode: (bytes) => fromBinary(strict, bytes),
    encode: (message) => toBinary(desc, message as Message),
    encodeStrictly: (message) => toBinary(strict, message as Message),
    ...functionsOf(masks, "Root", ""),
  };
  if (shapeIndex === undefined) return { schema, shape: widest, desc, protobufEs, tsProto: undefined };
  const folder = `ts-proto-${shapeIndex}`;
  const tsProto = targetOfTsProto(...(await Promise.all([load(folder, ""), load(folder, "_fieldmask")])));
  return { schema, shape: shapes[shapeIndex] as Shape, desc, protobufEs, tsProto };
}

function targetOfTsProto(messages: Module, masks: Module): Target {
  const { decode, encode } = codecOf(messages, "Root");
  return { name: "ts-proto", decode, encode, encodeStrictly: encode, ...functionsOf(masks, "Root", "") };
}
