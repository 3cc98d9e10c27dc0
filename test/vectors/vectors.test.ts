// Every case of the shared file, through the generated code of both targets; and that the runner finds a wrong answer.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { runVector } from "./run-vector.ts";
import { targets } from "./targets.ts";
import { openVectorSchema, readVectors } from "./vectors.ts";

const root = join(import.meta.dirname, "../..");
const schema = openVectorSchema();
const vectors = readVectors(join(import.meta.dirname, "fieldmask-vectors.json"));

describe.each(targets)("$name", (target) => {
  test.each(vectors)("$id", (vector) => {
    expect(runVector(vector, target, schema)).toBeUndefined();
  });
});

describe("npm run vectors", () => {
  function run(cases: readonly object[]): { status: number | null; lines: string[] } {
    const folder = mkdtempSync(join(tmpdir(), "fieldpost-vectors-test-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "vectors.json");
    writeFileSync(file, JSON.stringify({ cases }));
    const { status, stdout } = spawnSync("npm", ["run", "--silent", "vectors", "--", file], {
      cwd: root,
      encoding: "utf8",
    });
    return { status, lines: stdout.trimEnd().split("\n") };
  }

  test("counts what passes and what fails, for each target, and says why", () => {
    const right = { id: "right", op: "filter", schema: "Card", mask: ["number"], input: { number: "1" } };
    const { status, lines } = run([
      { ...right, expected: { number: "1" } },
      { ...right, id: "wrong", certainty: "spec", expected: {} },
      {
        id: "no error",
        op: "update",
        schema: "Card",
        mask: ["number"],
        input: {},
        patch: {},
        error: "INVALID_ARGUMENT",
      },
      { id: "unexpected", op: "update", schema: "Card", mask: ["nope"], input: {}, patch: {}, expected: {} },
      { id: "nonsense", op: "nonsense", expected: 1 },
    ]);
    expect(lines).toEqual([
      ...["ts-proto", "protobuf-es"].flatMap((target) => [
        `${target}: wrong (spec): expected {}, got {"number":"1"}`,
        `${target}: no error (no certainty): expected the error INVALID_ARGUMENT, but it came to {}`,
        `${target}: unexpected (no certainty): failed with INVALID_ARGUMENT`,
        `${target}: nonsense (no certainty): Error: there is no operation nonsense`,
      ]),
      "ts-proto: 1 passed, 4 failed",
      "protobuf-es: 1 passed, 4 failed",
    ]);
    expect(status).toBe(1);
  });

  test("ends well if all pass", () => {
    const passing = { id: "passes", op: "covers", mask: ["contact"], path: "contact.email", expected: true };
    expect(run([passing])).toEqual({
      status: 0,
      lines: ["ts-proto: 1 passed, 0 failed", "protobuf-es: 1 passed, 0 failed"],
    });
  });
});
