import fc from "fast-check";
import { expect, test } from "vitest";
import { coverPairs, pairsOf } from "./pairwise.ts";
import type { Options, Pair, Row } from "./pairwise.ts";

const runs = Number(process.env["FIELDPOST_PROPERTY_RUNS"] ?? 100);

const holds = (row: Row, [name, value, other, otherValue]: Pair): boolean =>
  row[name] === value && row[other] === otherValue;

const options: fc.Arbitrary<Options> = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 6 })
  .map((counts) =>
    Object.fromEntries(
      counts.map((count, i) => [`option${i}`, Array.from({ length: count }, (_, v) => `value${v}`)]),
    ),
  );

test("two options of two values give four rows", () => {
  expect(coverPairs({ a: ["1", "2"], b: ["x", "y"] })).toEqual([
    { a: "1", b: "x" },
    { a: "1", b: "y" },
    { a: "2", b: "x" },
    { a: "2", b: "y" },
  ]);
});

test("pairs are of two different options, each once", () => {
  expect(pairsOf({ a: ["1"], b: ["x", "y"], c: ["2"] })).toEqual([
    ["a", "1", "b", "x"],
    ["a", "1", "b", "y"],
    ["a", "1", "c", "2"],
    ["b", "x", "c", "2"],
    ["b", "y", "c", "2"],
  ]);
});

test("every two values of every two options stand in a row together, and every row is complete", () => {
  fc.assert(
    fc.property(options, (options) => {
      const rows = coverPairs(options);
      for (const row of rows) expect(Object.keys(row).toSorted()).toEqual(Object.keys(options).toSorted());
      for (const [name, value] of rows.flatMap(Object.entries)) expect(options[name]).toContain(value);
      expect(pairsOf(options).filter((pair) => !rows.some((row) => holds(row, pair)))).toEqual([]);
    }),
    { numRuns: runs },
  );
});

test("no row breaks a rule, and only pairs are missing of which no row can be made", () => {
  const triple = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 0, max: 3 })));
  fc.assert(
    fc.property(options, fc.array(triple, { maxLength: 4 }), (options, forbidden) => {
      // No row may have these values of the first three options.
      const allowed = (row: Row): boolean =>
        !forbidden.some((values) => values.every((value, i) => row[`option${i}`] === `value${value}`));
      const rows = coverPairs(options, allowed);
      expect(rows.every(allowed)).toBe(true);
      const possible = allRows(options).filter(allowed);
      const missing = pairsOf(options).filter((pair) => !rows.some((row) => holds(row, pair)));
      expect(missing.filter((pair) => possible.some((row) => holds(row, pair)))).toEqual([]);
    }),
    { numRuns: runs },
  );
});

test("ten options of three values need few rows, always the same", () => {
  const ten = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`option${i}`, ["a", "b", "c"]]));
  expect(coverPairs(ten).length).toBeLessThanOrEqual(20);
  expect(coverPairs(ten)).toEqual(coverPairs(ten));
});

function allRows(options: Options): Row[] {
  return Object.entries(options).reduce<Row[]>(
    (rows, [name, values]) => rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value }))),
    [{}],
  );
}
