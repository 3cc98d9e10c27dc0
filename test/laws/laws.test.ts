// The laws that operations by masks obey, tried with random messages and masks on the generated code for random schemas.
//
// FIELDPOST_PROPERTY_RUNS: cases of each law, over all schemas (default 100). FIELDPOST_PROPERTY_SEED: chooses messages and
// masks; a failure says with which it can be repeated. FIELDPOST_SCHEMA_SEED: chooses other schemas.

import { once } from "node:events";
import { text } from "node:stream/consumers";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { byteLaws } from "./byte-laws.ts";
import { filterLaws } from "./filter-laws.ts";
import type { Subject } from "./generated.ts";
import { GeneratedCode } from "./generated.ts";
import { inputLaws } from "./input-laws.ts";
import { setLaws } from "./set-laws.ts";
import { targetLaws } from "./target-laws.ts";
import { updateLaws } from "./update-laws.ts";

const laws = [...setLaws, ...filterLaws, ...updateLaws, ...byteLaws, ...inputLaws, ...targetLaws];

const count = 50;
const runs = Number(process.env["FIELDPOST_PROPERTY_RUNS"] ?? 100);
const seed = Number(process.env["FIELDPOST_PROPERTY_SEED"] ?? Date.now() % 2 ** 31);
const schemaSeed = process.env["FIELDPOST_SCHEMA_SEED"] ?? "laws";
const minute = 60_000;

let code: GeneratedCode;
let typeCheck: Promise<{ readonly output: string; readonly status: unknown }>;
const subjects: Subject[] = [];

beforeAll(async () => {
  code = new GeneratedCode(schemaSeed, count);
  const checker = code.startTypeCheck();
  typeCheck = Promise.all([text(checker.stdout!), once(checker, "close")]).then(([output, [status]]) => ({
    output,
    status,
  }));
  for (const schema of code.schemas) subjects.push(await code.load(schema));
}, 5 * minute);

afterAll(async () => {
  await typeCheck;
  code[Symbol.dispose]();
  console.log(`${laws.length} laws, ${runs} cases each over ${count} schemas, seed ${seed}`);
}, 5 * minute);

describe("of generated code for schemas made at random", () => {
  test.each(laws)(
    "$name",
    (law) => {
      for (const [index, subject] of subjects.entries()) {
        const numRuns = Math.floor((runs * (index + 1)) / count) - Math.floor((runs * index) / count);
        if (numRuns === 0) continue;
        const { schema, shape } = subject;
        const { failed, ...details } = fc.check(law.property(subject), { numRuns, seed });
        if (!failed) continue;
        throw new Error(
          [
            `fails for the schema ${schema.name} of seed "${schemaSeed}", ts-proto's options ${JSON.stringify(shape)}`,
            `repeat it with FIELDPOST_PROPERTY_SEED=${seed} FIELDPOST_SCHEMA_SEED=${schemaSeed} FIELDPOST_PROPERTY_RUNS=${runs}`,
            `given ${fc.stringify(details.counterexample)}`,
            `it fails with ${String(details.errorInstance)}`,
            schema.text,
          ].join("\n"),
          { cause: details.errorInstance },
        );
      }
    },
    runs * minute,
  );
});

test("the type checker accepts all of it", { timeout: 5 * minute }, async () => {
  expect(await typeCheck).toEqual({ output: "", status: 0 });
});
