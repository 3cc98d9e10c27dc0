import { checkPaths } from "@fieldpost/fieldmask";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Account } from "./gen/ts-proto/vectors.ts";
import {
  compileReadAccountRequestReadMask,
  filterAccount,
} from "./gen/ts-proto/vectors_service_fieldmask.ts";
import { openVectorSchema, readVectors } from "./vectors.ts";
import type { Vector } from "./vectors.ts";

const schema = openVectorSchema();
const vectors = readVectors(join(import.meta.dirname, "fieldmask-vectors.json"));

const inAlgebraTest = "normalize union intersect subtract covers toJson fromJson fromFieldNumbers allFields";
const supported = ["filter", "validate", ...inAlgebraTest.split(" ")];

/** Operations of the vectors that the runtime does not offer yet. Nothing else is left out. */
const notThereYet: Record<string, string> = {
  filterBytes: "the filter for encoded messages is to come",
  prune: "the complement of filter is to come",
  update: "AIP-134 updates are to come",
  merge: "merging as FieldMaskUtil does is to come",
  diff: "masks of what changed are to come",
};

test("every operation of the vectors is run, or stands in the list of those to come", () => {
  const operations = new Set(vectors.map(({ op }) => op));
  expect([...operations].toSorted()).toEqual([...supported, ...Object.keys(notThereYet)].toSorted());
});

/** Only Account can be asked for in vectors_service.proto; other messages are tried as fields of it. */
function inAccount({ schema: name = "Account", mask }: Vector, json: unknown) {
  if (name === "Account") return { paths: mask ?? undefined, json };
  const field = name.toLowerCase();
  return { paths: mask?.map((path) => `${field}.${path}`), json: { [field]: json } };
}

test.each(vectors.filter(({ op }) => op === "filter"))("generated code agrees with $id", (vector) => {
  const input = inAccount(vector, vector.input);
  const expected = inAccount(vector, vector.expected);
  const bytes = schema.encode("Account", input.json);
  const message = Account.decode(bytes);

  const filtered = filterAccount(message, compileReadAccountRequestReadMask(input.paths));

  expect(schema.difference("Account", Account.encode(filtered).finish(), expected.json)).toBeUndefined();
  expect(schema.difference("Account", Account.encode(message).finish(), input.json)).toBeUndefined();
});

const accountSchema = compileReadAccountRequestReadMask(undefined).schema;

test.each(vectors.filter(({ op }) => op === "validate"))("generated tables agree with $id", (vector) => {
  const expected = vector.expected as { valid: boolean; invalid: string[] };

  const violations = checkPaths(accountSchema, vector.mask ?? undefined, {
    profile: vector.options?.profile ?? "read",
  });

  expect(violations.map(({ path }) => path)).toEqual(expected.invalid);
  expect(violations.length === 0).toBe(expected.valid);
});
