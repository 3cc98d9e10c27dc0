// That the bench of field masks measures what it says, and that nothing has become twice as dear as was aimed at. It runs
// as its users run it, as vitest changes what a call to another module costs. The figures themselves are for
// `npm run bench -- fieldmask` on a quiet machine.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { comparisons } from "./fieldmask/main.ts";

test("no ratio is half as good as its aim", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const printed = execFileSync(
    process.execPath,
    ["--conditions=@fieldpost/source", main, "fieldmask", "--rounds", "1"],
    { encoding: "utf8" },
  );
  for (const { name, aim } of comparisons) {
    const ratio = Number(/^ {2}([\d.]+) times/.exec(printed.split(`${name}:\n`)[1] ?? "")?.[1]);
    if ("atLeast" in aim) expect(ratio).toBeGreaterThan(aim.atLeast / 2);
    else expect(ratio).toBeLessThan(aim.atMost * 2);
  }
});

test("both sides of a comparison of filters give the same message", () => {
  const [, byHand] = comparisons;
  expect(byHand!.subject()).toEqual(byHand!.yardstick());
});
