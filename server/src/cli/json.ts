/**
 * Canonical, strict ProtoJSON (https://protobuf.dev/programming-guides/json/) of the API's messages. ts-proto has
 * another idea of JSON (field masks, unknown keys), so this goes through protobuf-es reflection; bytes are what both
 * sides share: encode with ts-proto and print here, or parse here and decode with ts-proto.
 */
import { readFileSync } from "node:fs";
import {
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type FileRegistry,
  type JsonValue,
  type Message,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** A message of the API that has JSON. */
export type MessageName =
  "fieldpost.v1.EnqueueRequest" | "fieldpost.v1.Job" | "fieldpost.v1.ListJobsResponse" | "google.rpc.Status";

/** The text is no JSON, or no ProtoJSON of the message that it should be; `message` says what, for a person. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

let registry: FileRegistry | undefined;

function descriptorOf(name: MessageName): DescMessage {
  // In dist/ as in src/, gen/ stands beside cli/.
  registry ??= createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(new URL("../gen/descriptors.binpb", import.meta.url))),
  );
  const descriptor = registry.getMessage(name);
  if (descriptor === undefined) throw new Error(`gen/descriptors.binpb does not hold ${name}`);
  return descriptor;
}

/** The message that the bytes hold, as a JSON value. Fields that this release does not know are left out. */
export function jsonOfBytes(name: MessageName, bytes: Uint8Array): JsonValue {
  const descriptor = descriptorOf(name);
  return toJson(descriptor, fromBinary(descriptor, bytes), { registry: registry! });
}

/** A message as protobuf-es keeps it: fields by their JSON names, messages within messages. */
export type JsonMessage = Message & { [field: string]: unknown };

/**
 * The message that the text holds.
 *
 * @throws JsonError on anything that is not the message: unknown keys are refused by name
 */
export function messageOfJson(name: MessageName, text: string): JsonMessage {
  return messageOfValue(name, parse(text));
}

/** As {@link messageOfJson}, of a value that was parsed before. */
export function messageOfValue(name: MessageName, value: JsonValue): JsonMessage {
  const descriptor = descriptorOf(name);
  try {
    return fromJson(descriptor, value, { registry: registry! });
  } catch (error) {
    throw new JsonError(readable(error), { cause: error });
  }
}

export function bytesOfMessage(name: MessageName, message: JsonMessage): Uint8Array {
  return toBinary(descriptorOf(name), message);
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new JsonError(`not JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** `HttpTarget: key "urll" is unknown` of `cannot decode message fieldpost.v1.HttpTarget from JSON: key …`. */
function readable(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(
    /^cannot decode (?:message|field|enum) (?:fieldpost\.v1\.|google\.protobuf\.)?(\S+) from JSON: /,
    "$1: ",
  );
}
