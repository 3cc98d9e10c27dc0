import { expect, it } from "vitest";

import { coalesce } from "../../server/supervisor/src/coalesce.ts";

/** Work that a test ends by hand. */
function manual() {
  const runs: PromiseWithResolvers<number>[] = [];
  const call = coalesce(() => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  });
  return { runs, call };
}

it("gives calls that come during a run the next one, and never lets two overlap", async () => {
  const { runs, call } = manual();
  const first = call();
  const others = [call(), call(), call()];
  expect(runs).toHaveLength(1);
  runs[0]?.resolve(1);
  // Whoever calls as soon as the first has ended shares the run that waits.
  const late = first.then(() => call());
  expect(await first).toBe(1);
  await Promise.resolve();
  expect(runs).toHaveLength(2);
  runs[1]?.resolve(2);
  expect(await Promise.all([...others, late])).toEqual([2, 2, 2, 2]);
  expect(runs).toHaveLength(2);
});

it("runs again after a failure, which only its own callers hear of", async () => {
  const { runs, call } = manual();
  const first = call();
  const second = call();
  runs[0]?.reject(new Error("no"));
  await expect(first).rejects.toThrow("no");
  await expect.poll(() => runs.length).toBe(2);
  runs[1]?.resolve(2);
  expect(await second).toBe(2);
  void call();
  expect(runs).toHaveLength(3);
});
