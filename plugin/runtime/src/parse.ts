// From the `string[] | undefined` of a request to a compiled mask. Generated code declares one MaskDefinition per mask
// field and wraps these functions.

import { MaskCache } from "./cache.ts";
import { checkPaths } from "./check.ts";
import type { CheckOptions, Violation } from "./check.ts";
import { compilePaths } from "./compile.ts";
import { MaskError } from "./bad-request.ts";
import type { FieldNames } from "./field-names.ts";
import type { MessageSchema } from "./schema.ts";
import { ALL, NOTHING } from "./tree.ts";
import type { Mask } from "./tree.ts";

/** One mask field: which message its paths are of, how they are checked, and the masks it has seen. */
export interface MaskDefinition<Path extends string = string> {
  readonly schema: MessageSchema;
  readonly options: CheckOptions;
  /** What no mask stands for. */
  readonly all: Mask<Path>;
  readonly nothing: Mask<Path>;
  readonly cache: MaskCache;
}

/** A compiled mask, or everything that is wrong with it. */
export type MaskResult<Path extends string = string> =
  | { readonly ok: true; readonly mask: Mask<Path> }
  | { readonly ok: false; readonly violations: readonly Violation[] };

/** How to read what callers send. */
export interface ParseOptions {
  /** What a mask without paths means. Default `all`: on the wire it cannot be told from an absent one. */
  readonly emptyMask?: "all" | "nothing";
  /**
   * By which names the paths call the fields. Default: what the definition says, and otherwise `proto`. `json` and `both`
   * are for masks that come with JSON. Keys of maps are no names. What is asked of the mask has proto names all the same.
   */
  readonly names?: FieldNames;
}

/** Declares a mask field. */
export function defineMask<Path extends string>(
  schema: MessageSchema,
  options: CheckOptions,
): MaskDefinition<Path> {
  return {
    schema,
    options,
    all: { schema, selection: ALL, absent: true },
    nothing: { schema, selection: NOTHING },
    cache: new MaskCache(),
  };
}

/**
 * Strict: a mask with any wrong path is refused, with all of its violations. As everywhere here, what is neither a list
 * nor absent is a TypeError.
 */
export function parseMask<Path extends string>(
  definition: MaskDefinition<Path>,
  paths: readonly string[] | undefined,
  options: ParseOptions = {},
): MaskResult<Path> {
  const fixed = emptyMask(definition, paths, options);
  if (paths === undefined || fixed !== undefined) return { ok: true, mask: fixed ?? definition.all };

  const names = namesOf(definition, options);
  const kept = definition.cache.get(paths, names);
  if (kept !== undefined) return { ok: true, mask: kept as Mask<Path> };

  const { schema } = definition;
  const violations = checkPaths(schema, paths, { ...definition.options, names });
  if (violations.length > 0) return { ok: false, violations };
  const { mask, refusedAt, slots } = compilePaths(schema, paths, names);
  if (refusedAt !== undefined) {
    const description = "makes the mask too large";
    return {
      ok: false,
      violations: [{ index: refusedAt, path: paths[refusedAt] ?? "", reason: "TOO_LARGE", description }],
    };
  }
  definition.cache.set(paths, names, mask, slots);
  return { ok: true, mask: mask as Mask<Path> };
}

/** Strict, for code that has no better way to fail: throws a MaskError with all that is wrong. */
export function requireMask<Path extends string, Chosen extends string = string>(
  definition: MaskDefinition<Path>,
  paths: readonly string[] | undefined,
  options?: ParseOptions,
): Mask<Path, Chosen> {
  const result = parseMask(definition, paths, options);
  if (!result.ok) throw new MaskError(result.violations);
  return result.mask as Mask<Path, Chosen>;
}

/** Lenient: what names nothing selects nothing (AIP-161 lets reads do so). No list of paths makes it fail. */
export function compileMask<Path extends string>(
  definition: MaskDefinition<Path>,
  paths: readonly string[] | undefined,
  options: ParseOptions = {},
): Mask<Path> {
  const result = parseMask(definition, paths, options);
  if (result.ok) return result.mask;
  return compilePaths(definition.schema, paths ?? [], namesOf(definition, options)).mask as Mask<Path>;
}

/** All that is wrong with a mask; empty if nothing is. */
export function validateMask(
  definition: MaskDefinition,
  paths: readonly string[] | undefined,
  options: ParseOptions = {},
): readonly Violation[] {
  const result = parseMask(definition, paths, options);
  return result.ok ? [] : result.violations;
}

function nameOfType(value: unknown): string {
  if (typeof value === "string") return "a text; pathsFromJson and jsonToPaths read ProtoJSON";
  return typeof value === "object" ? "an object; of a FieldMask, give its paths" : `a ${typeof value}`;
}

function namesOf(definition: MaskDefinition, { names }: ParseOptions): FieldNames {
  return names ?? definition.options.names ?? "proto";
}

function emptyMask<Path extends string>(
  definition: MaskDefinition<Path>,
  paths: readonly string[] | undefined | null,
  { emptyMask = "all" }: ParseOptions,
): Mask<Path> | undefined {
  // JSON has null for what is not there.
  if (paths === undefined || paths === null) return definition.all;
  // Without a length, it would look like an empty mask, and so like everything.
  if (!Array.isArray(paths)) throw new TypeError(`a mask is a list of paths, not ${nameOfType(paths)}`);
  if (paths.length > 0) return undefined;
  return emptyMask === "all" ? definition.all : definition.nothing;
}
