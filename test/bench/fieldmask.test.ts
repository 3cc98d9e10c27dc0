// That the bench of field masks measures what it says, and that nothing has become twice as dear as was aimed at. The
// figures themselves are for `npm run bench -- fieldmask` on a quiet machine.
import { expect, test } from "vitest";
import { compare, comparisons, median } from "./fieldmask/main.ts";

test.each(comparisons)("$name", (comparison) => {
  const ratio = median(compare(comparison, 10).ratios);
  if ("atLeast" in comparison.aim) expect(ratio).toBeGreaterThan(comparison.aim.atLeast / 2);
  else expect(ratio).toBeLessThan(comparison.aim.atMost * 2);
});

test("both sides of a comparison of filters give the same message", () => {
  const [, byHand] = comparisons;
  expect(byHand!.subject()).toEqual(byHand!.yardstick());
});
