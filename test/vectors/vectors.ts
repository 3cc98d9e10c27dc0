// Reads files of field-mask vectors (schema: their own `conventions`), and compares messages as messages: ProtoJSON is
// read by protobuf-es, and crosses over to ts-proto as bytes.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescMessage, FileRegistry, JsonValue, Message } from "@bufbuild/protobuf";
import { createFileRegistry, equals, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const root = join(import.meta.dirname, "../..");

/** One case. Which parts it has depends on its operation. */
export interface Vector {
  readonly id: string;
  readonly op: string;
  readonly schema?: string;
  readonly mask?: readonly string[] | null;
  readonly masks?: readonly (readonly string[])[];
  readonly path?: string;
  readonly json?: unknown;
  readonly numbers?: readonly number[];
  readonly input?: JsonValue;
  readonly inputHex?: string;
  readonly patch?: JsonValue;
  readonly options?: { readonly profile?: "read" | "update"; readonly fieldBehavior?: boolean };
  readonly expected?: unknown;
  /** In place of `expected`: the right members of a list, in any order. */
  readonly expectedAnyOrderOf?: readonly string[];
  /** In place of `expected`: the class of the error. */
  readonly error?: string;
  readonly certainty?: string;
}

/** The cases of a file. */
export function readVectors(file: string): Vector[] {
  return (JSON.parse(readFileSync(file, "utf8")) as { cases: Vector[] }).cases;
}

/** The messages of vectors.proto, as protobuf-es sees them. */
export class VectorSchema {
  readonly #registry: FileRegistry;

  constructor(registry: FileRegistry) {
    this.#registry = registry;
  }

  message(name: string): DescMessage {
    const found = this.#registry.getMessage(`vectors.v1.${name}`);
    if (found === undefined) throw new Error(`vectors.proto has no message ${name}`);
    return found;
  }

  /** ProtoJSON to bytes. */
  encode(name: string, json: unknown): Uint8Array {
    return toBinary(this.message(name), this.#read(name, json));
  }

  /** Undefined if the bytes are the message that the ProtoJSON says; otherwise what they are, as ProtoJSON. */
  difference(name: string, bytes: Uint8Array, expected: unknown): JsonValue | undefined {
    const schema = this.message(name);
    const actual = fromBinary(schema, bytes);
    return equals(schema, actual, this.#read(name, expected)) ? undefined : this.toJson(name, bytes);
  }

  /** Bytes to ProtoJSON. */
  toJson(name: string, bytes: Uint8Array): JsonValue {
    const schema = this.message(name);
    return toJson(schema, fromBinary(schema, bytes), { registry: this.#registry });
  }

  #read(name: string, json: unknown): Message {
    return fromJson(this.message(name), json as JsonValue, { registry: this.#registry });
  }
}

/** Compiles vectors.proto with buf. */
export function openVectorSchema(): VectorSchema {
  const directory = mkdtempSync(join(tmpdir(), "fieldpost-vectors-"));
  try {
    const image = join(directory, "image.binpb");
    const buf = join(root, "node_modules/.bin/buf");
    execFileSync(buf, ["build", ".", "--path", "test/proto/vectors.proto", "-o", image], { cwd: root });
    return new VectorSchema(createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(image))));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
