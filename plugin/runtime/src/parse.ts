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
 * Strict: a mask with any wrong path is refused, with all of its violations. Throws a TypeError for what is no list of
 * texts, which must not pass for an absent mask.
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
  for (const [i, path] of paths.entries()) {
    if (typeof path !== "string") throw new TypeError(`path ${i} of a mask is ${nameType(path)}, not a text`);
  }
  const violations = checkPaths(schema, paths, { ...definition.options, names });
  if (violations.length > 0) return { ok: false, violations };
  const { mask, refusedAt } = compilePaths(schema, paths, names);
  if (refusedAt !== undefined) {
    const description = "makes the mask too large";
    return {
      ok: false,
      violations: [{ index: refusedAt, path: paths[refusedAt] ?? "", reason: "TOO_LARGE", description }],
    };
  }
  definition.cache.set(paths, names, mask);
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

/** Lenient: what names nothing selects nothing (AIP-161 lets reads do so). Only what is no list of texts fails. */
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

function namesOf(definition: MaskDefinition, { names }: ParseOptions): FieldNames {
  return names ?? definition.options.names ?? "proto";
}

function emptyMask<Path extends string>(
  definition: MaskDefinition<Path>,
  paths: readonly string[] | undefined,
  { emptyMask = "all" }: ParseOptions,
): Mask<Path> | undefined {
  if (paths === undefined || paths === null) return definition.all;
  if (!Array.isArray(paths)) throw new TypeError(`a mask is a list of paths, not ${nameType(paths)}`);
  if (paths.length > 0) return undefined;
  return emptyMask === "all" ? definition.all : definition.nothing;
}

function nameType(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}
