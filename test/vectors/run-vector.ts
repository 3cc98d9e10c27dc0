// Runs one case of a file of vectors through the generated code of one target, as the file's `conventions` say.

import { isDeepStrictEqual } from "node:util";
import type { JsonValue } from "@bufbuild/protobuf";
import {
  FieldMaskJsonError,
  MalformedError,
  MaskError,
  allFieldPaths,
  coversPath,
  intersectPaths,
  maskPaths,
  normalizePaths,
  pathsFromJson,
  pathsOfFieldNumbers,
  pathsToJson,
  subtractMasks,
  unionPaths,
} from "@fieldpost/fieldmask";
import type { Mask } from "@fieldpost/fieldmask";
import type { Codec, MessageFunctions } from "../support/message-functions.ts";
import type { Target } from "./targets.ts";
import type { Vector, VectorSchema } from "./vectors.ts";

/** What a case came to: a message as bytes, an error by its class, or anything else as it is. */
type Outcome =
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  | { readonly kind: "error"; readonly name: string }
  | { readonly kind: "value"; readonly value: unknown };

/** Undefined if the case passes; otherwise what was wrong. */
export function runVector(vector: Vector, target: Target, schema: VectorSchema): string | undefined {
  const outcome = attempt(vector, target, schema);
  if (vector.error !== undefined) {
    if (outcome.kind === "error" && outcome.name === vector.error) return undefined;
    return `expected the error ${vector.error}, but it came to ${show(outcome, vector, schema)}`;
  }
  if (outcome.kind === "error") return `failed with ${outcome.name}`;
  if (outcome.kind === "message") {
    const difference = schema.difference(nameOf(vector), outcome.bytes, vector.expected);
    return difference === undefined
      ? undefined
      : `expected ${text(vector.expected)}, got ${text(difference)}`;
  }
  // Where any order is right, `expected` is null.
  const expected = vector.expectedAnyOrderOf ?? vector.expected;
  const value = vector.expectedAnyOrderOf === undefined ? outcome.value : sorted(outcome.value);
  const right = isDeepStrictEqual(
    value,
    vector.expectedAnyOrderOf === undefined ? expected : sorted(expected),
  );
  return right ? undefined : `expected ${text(expected)}, got ${text(outcome.value)}`;
}

function attempt(vector: Vector, target: Target, schema: VectorSchema): Outcome {
  try {
    return new Run(vector, target.message(nameOf(vector)), schema).outcome();
  } catch (error) {
    if (error instanceof MaskError) return { kind: "error", name: "INVALID_ARGUMENT" };
    if (error instanceof FieldMaskJsonError || error instanceof MalformedError) {
      return { kind: "error", name: error.code };
    }
    throw error;
  }
}

class Run {
  readonly #vector: Vector;
  readonly #functions: Codec & MessageFunctions;
  readonly #schema: VectorSchema;

  constructor(vector: Vector, functions: Codec & MessageFunctions, schema: VectorSchema) {
    this.#vector = vector;
    this.#functions = functions;
    this.#schema = schema;
  }

  outcome(): Outcome {
    const { op, mask, masks = [], path, json, numbers = [], options } = this.#vector;
    const { compile, parse, parseUpdate } = this.#functions;
    const paths = mask ?? undefined;
    switch (op) {
      case "filter":
        return this.#onMessage((message, { filter }) => filter(message, compile(paths)));
      case "prune":
        return this.#onMessage((message, { prune }) => prune(message, compile(paths)));
      case "update":
        return this.#onMessage((message, { update }, patch) =>
          update(message, patch, this.#updateMask(), options ?? {}),
        );
      case "merge":
        return this.#onMessage((message, { merge }, patch) =>
          merge(message, patch, this.#updateMask(), options ?? {}),
        );
      case "filterBytes": {
        const bytes = Buffer.from(this.#vector.inputHex ?? "", "hex");
        return { kind: "message", bytes: this.#functions.filterBytes(bytes, compile(paths)) };
      }
      case "diff":
        return this.#diff();
      case "validate": {
        const result = (options?.profile === "update" ? parseUpdate : parse)(paths);
        const invalid = result.ok ? [] : result.violations.map((violation) => violation.path);
        return value({ valid: result.ok, invalid });
      }
      case "normalize":
        return value(normalizePaths(paths ?? []));
      case "union":
        return value(unionPaths(...masks));
      case "intersect":
        return value(intersectPaths(masks[0] ?? [], ...masks.slice(1)));
      case "subtract": {
        const [first, ...others] = masks.map((list) => compile(list, { emptyMask: "nothing" }));
        if (first === undefined) throw new Error("a subtraction needs masks");
        return value(maskPaths(others.reduce((left: Mask, right) => subtractMasks(left, right), first)));
      }
      case "covers":
        return value(coversPath(paths, path ?? ""));
      case "toJson":
        return value(pathsToJson(paths ?? []));
      case "fromJson":
        return value(pathsFromJson(json));
      case "fromFieldNumbers":
        return value(pathsOfFieldNumbers(compile(undefined).schema, numbers));
      case "allFields":
        return value(allFieldPaths(compile(undefined).schema));
      default:
        throw new Error(`there is no operation ${op}`);
    }
  }

  /** Decodes what is given, and checks afterwards that neither was changed. */
  #onMessage(operation: (message: object, functions: MessageFunctions, patch: object) => object): Outcome {
    const { decode, encode } = this.#functions;
    const message = decode(this.#encoded(this.#vector.input));
    const patch = decode(this.#encoded(this.#vector.patch ?? {}));
    const before = [encode(message), encode(patch)];
    const result = operation(message, this.#functions, patch);
    if (!isDeepStrictEqual([encode(message), encode(patch)], before)) throw new Error("an input was changed");
    const bytes = encode(result);
    // Nor does the result change with them.
    for (const input of [message, patch]) wipe(input);
    if (!isDeepStrictEqual(encode(result), bytes)) throw new Error("the result shares parts of an input");
    return { kind: "message", bytes };
  }

  #diff(): Outcome {
    const { decode, encode, diff, update } = this.#functions;
    const before = decode(this.#encoded(this.#vector.input));
    const after = decode(this.#encoded(this.#vector.patch));
    const mask = diff(before, after);
    const difference = this.#schema.difference(
      nameOf(this.#vector),
      encode(update(before, after, mask)),
      this.#vector.patch,
    );
    if (difference !== undefined)
      throw new Error(`updating by ${text(maskPaths(mask))} gives ${text(difference)}`);
    return value(maskPaths(mask));
  }

  #updateMask(): Mask {
    const result = this.#functions.parseUpdate(this.#vector.mask ?? undefined);
    if (!result.ok) throw new MaskError(result.violations);
    return result.mask;
  }

  #encoded(json: JsonValue | undefined): Uint8Array {
    return this.#schema.encode(nameOf(this.#vector), json ?? {});
  }
}

function nameOf({ schema = "Account" }: Vector): string {
  return schema;
}

function value(of: unknown): Outcome {
  return { kind: "value", value: of };
}

/** Changes everything in a message that can be changed in place. */
function wipe(held: unknown): void {
  if (typeof held !== "object" || held === null) return;
  if (held instanceof Uint8Array) held.fill(0);
  else if (held instanceof Date) held.setTime(0);
  else if (held instanceof Map) {
    for (const entry of held.values()) wipe(entry);
    held.clear();
  } else {
    for (const entry of Object.values(held)) wipe(entry);
    if (Array.isArray(held)) held.length = 0;
    else for (const key of Object.keys(held)) Reflect.deleteProperty(held, key);
  }
}

function sorted(list: unknown): unknown {
  return Array.isArray(list) ? list.map(String).toSorted() : list;
}

function show(outcome: Outcome, vector: Vector, schema: VectorSchema): string {
  if (outcome.kind === "error") return `the error ${outcome.name}`;
  if (outcome.kind === "value") return text(outcome.value);
  return text(schema.toJson(nameOf(vector), outcome.bytes));
}

function text(of: unknown): string {
  return JSON.stringify(of);
}
