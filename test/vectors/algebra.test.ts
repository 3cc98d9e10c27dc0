// The vectors about masks and paths alone: by lists of paths, and by compiled masks wherever the paths are those of a
// message.

import {
  FieldMaskJsonError,
  allFieldPaths,
  coversPath,
  includes,
  intersectMasks,
  intersectPaths,
  maskPaths,
  normalizePaths,
  pathsFromJson,
  pathsOfFieldNumbers,
  pathsToJson,
  subtractMasks,
  unionMasks,
  unionPaths,
  validateMask,
} from "@fieldpost/fieldmask";
import type { Mask, MessageSchema } from "@fieldpost/fieldmask";
import { defineMask } from "@fieldpost/fieldmask/codegen";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileReadAccountRequestReadMask } from "./gen/ts-proto/vectors_service_fieldmask.ts";
import { readVectors } from "./vectors.ts";
import type { Vector } from "./vectors.ts";

const vectors = readVectors(join(import.meta.dirname, "fieldmask-vectors.json"));
const of = (...operations: string[]): Vector[] => vectors.filter(({ op }) => operations.includes(op));

// Sets of paths: an empty one holds nothing.
const compile = (paths: readonly string[] | null | undefined): Mask =>
  compileReadAccountRequestReadMask(paths ?? undefined, { emptyMask: "nothing" });

/** The schemas of Account and of all that it holds. */
const schemas = new Map<string, MessageSchema>();
(function collect(schema: MessageSchema): void {
  if (schemas.has(schema.typeName)) return;
  schemas.set(schema.typeName, schema);
  for (const { message } of schema.fields) if (message !== undefined) collect(message);
})(compile(null).schema);

function schemaOf({ schema: name = "Account" }: Vector): MessageSchema {
  const found = schemas.get(`vectors.v1.${name}`);
  if (found === undefined) throw new Error(`Account holds no ${name}`);
  return found;
}

test.each(of("normalize"))("$id", ({ mask, expected, expectedAnyOrderOf }) => {
  const canonical = normalizePaths(mask ?? []);
  expect(normalizePaths(canonical)).toEqual(canonical);
  if (expectedAnyOrderOf === undefined) expect(canonical).toEqual(expected);
  else expect(canonical.toSorted()).toEqual(expectedAnyOrderOf.toSorted());
});

test.each(of("union", "intersect"))("$id", ({ op, masks = [], expected }) => {
  const [first = [], ...others] = masks;
  expect(op === "union" ? unionPaths(first, ...others) : intersectPaths(first, ...others)).toEqual(expected);
});

const account = defineMask<string>(compile(null).schema, { profile: "read" });
const ofAccount = of("union", "intersect").filter(({ masks = [] }) =>
  masks.every((mask) => validateMask(account, mask).length === 0),
);

test("most unions and intersections are of paths of Account", () => {
  expect(ofAccount.length).toBeGreaterThan(5);
});

test.each(ofAccount)("$id, of compiled masks", ({ op, masks = [], expected }) => {
  const [first, ...others] = masks.map(compile);
  const operation = op === "union" ? unionMasks : intersectMasks;
  expect(maskPaths(operation(first!, ...others))).toEqual(expected);
});

test.each(of("subtract"))("$id", (vector) => {
  expect(schemaOf(vector).typeName).toBe("vectors.v1.Account");
  const [first, ...others] = vector.masks!.map(compile);
  expect(maskPaths(subtractMasks(first!, ...others))).toEqual(vector.expected);
});

test.each(of("covers"))("$id", ({ mask, path = "", expected }) => {
  expect(coversPath(mask ?? undefined, path)).toBe(expected);
  expect(includes<string>(compile(mask), path)).toBe(expected);
});

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof FieldMaskJsonError) return error.code;
    throw error;
  }
  return undefined;
}

test.each(of("toJson", "fromJson"))("$id", ({ op, mask, json, expected, error }) => {
  const run = (): unknown => (op === "toJson" ? pathsToJson(mask ?? []) : pathsFromJson(json));
  expect(codeOf(run)).toBe(error);
  if (error === undefined) expect(run()).toEqual(expected);
});

test.each(of("fromFieldNumbers"))("$id", (vector) => {
  expect(pathsOfFieldNumbers(schemaOf(vector), vector.numbers!)).toEqual(vector.expected);
});

test.each(of("allFields"))("$id", (vector) => {
  expect(allFieldPaths(schemaOf(vector))).toEqual(vector.expected);
});
