// The laws that operations by masks obey, tried with random messages and masks on the generated code for random schemas.
//
// FIELDPOST_PROPERTY_RUNS: cases of each law, over all schemas (default 60). FIELDPOST_PROPERTY_SEED: chooses messages and
// masks; a failure says with which it can be repeated. FIELDPOST_SCHEMA_SEED: chooses other schemas.

import { once } from "node:events";
import { text } from "node:stream/consumers";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { byteLaws } from "./byte-laws.ts";
import { filterLaws } from "./filter-laws.ts";
import { GeneratedCode } from "./generated.ts";
import { inputLaws } from "./input-laws.ts";
import type { Law } from "./law.ts";
import { makeSchemas } from "./schemas.ts";
import { setLaws } from "./set-laws.ts";
import { shapes } from "./shapes.ts";
import type { Subject } from "./subject.ts";
import { targetLaws } from "./target-laws.ts";
import { updateLaws } from "./update-laws.ts";

const laws = [...setLaws, ...filterLaws, ...updateLaws, ...byteLaws, ...inputLaws, ...targetLaws];

const runs = numberFrom("FIELDPOST_PROPERTY_RUNS", 60);
const seed = numberFrom("FIELDPOST_PROPERTY_SEED", Date.now() % 2 ** 31);
const schemaSeed = process.env["FIELDPOST_SCHEMA_SEED"] ?? "laws";
const minute = 60_000;

/** For both targets, and for protobuf-es alone. */
const schemas = [...makeSchemas(schemaSeed, 50), ...makeSchemas(schemaSeed, 10, "proto2")];
/** Those that the type checker sees: when few cases are asked for, one of each shape, and one of proto2. */
const checked = runs < 1000 ? [...schemas.slice(0, shapes.length), ...schemas.slice(-1)] : schemas;

let code: GeneratedCode;
let typeCheck: Promise<{ readonly output: string; readonly status: unknown }>;
const subjects: Subject[] = [];
/** A line for each law that held. */
const figures: string[] = [];

beforeAll(async () => {
  code = new GeneratedCode(schemas);
  const checker = code.startTypeCheck(checked);
  typeCheck = Promise.all([text(checker.stdout!), once(checker, "close")]).then(([output, [status]]) => ({
    output,
    status,
  }));
  for (const schema of schemas) subjects.push(await code.load(schema));
}, 5 * minute);

afterAll(async () => {
  await typeCheck;
  code[Symbol.dispose]();
  console.log([`cases  schemas  law (seed ${seed}, schemas of "${schemaSeed}")`, ...figures].join("\n"));
}, 5 * minute);

describe("of generated code for schemas made at random", () => {
  test.each(laws)("$name", check, runs * minute);
});

/** Tries a law with all schemas that it is about, each with its share of the cases. */
function check(law: Law): void {
  const about = law.joint ? subjects.filter(({ tsProto }) => tsProto !== undefined) : subjects;
  let [cases, tried] = [0, 0];
  for (const [index, subject] of about.entries()) {
    const share = Math.floor((runs * (index + 1)) / about.length) - Math.floor((runs * index) / about.length);
    if (share === 0) continue;
    const { failed, numRuns, ...details } = fc.check(law.property(subject), { numRuns: share, seed });
    if (failed) throw new Error(describeFailure(subject, details), { cause: details.errorInstance });
    cases += numRuns;
    tried++;
  }
  expect(cases).toBe(runs);
  figures.push(`${String(cases).padStart(5)}  ${String(tried).padStart(7)}  ${law.name}`);
}

function describeFailure(
  { schema, shape }: Subject,
  { counterexample, errorInstance }: { counterexample: unknown; errorInstance: unknown },
): string {
  return [
    `fails for the schema ${schema.name} of seed "${schemaSeed}", ts-proto's options ${JSON.stringify(shape)}`,
    `repeat it with FIELDPOST_PROPERTY_SEED=${seed} FIELDPOST_SCHEMA_SEED=${schemaSeed} FIELDPOST_PROPERTY_RUNS=${runs}`,
    `given ${fc.stringify(counterexample)}`,
    `it fails with ${String(errorInstance)}`,
    schema.text,
  ].join("\n");
}

test("the type checker accepts all of it", { timeout: 5 * minute }, async () => {
  expect(await typeCheck).toEqual({ output: "", status: 0 });
});

/** A whole number from the environment. What is none would make for no case at all. */
function numberFrom(name: string, otherwise: number): number {
  const given = process.env[name];
  if (given === undefined) return otherwise;
  if (!/^[1-9][0-9]{0,9}$/.test(given)) throw new Error(`${name}=${given} is no whole number above 0`);
  return Number(given);
}
