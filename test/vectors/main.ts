// `npm run vectors -- FILE`: runs a file of field-mask vectors through the generated code of both targets. Ends with
// `N passed, M failed` for each, and with exit code 1 if any failed.

import { join } from "node:path";
import { runVector } from "./run-vector.ts";
import { targets } from "./targets.ts";
import { openVectorSchema, readVectors } from "./vectors.ts";

const file = process.argv[2] ?? join(import.meta.dirname, "fieldmask-vectors.json");
const vectors = readVectors(file);
const schema = openVectorSchema();
const summaries: string[] = [];

for (const target of targets) {
  let failed = 0;
  for (const vector of vectors) {
    const problem = tryVector(vector);
    if (problem === undefined) continue;
    failed++;
    console.log(`${target.name}: ${vector.id} (${vector.certainty ?? "no certainty"}): ${problem}`);
  }
  summaries.push(`${target.name}: ${vectors.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;

  function tryVector(vector: (typeof vectors)[number]): string | undefined {
    try {
      return runVector(vector, target, schema);
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  }
}
for (const summary of summaries) console.log(summary);
