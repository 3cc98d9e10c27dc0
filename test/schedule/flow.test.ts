import { expect, test } from "vitest";
import { Flow } from "../../server/src/schedule/flow.ts";

const atOnce = 64;

function flowAfter(ends: number, tookMs: number): Flow {
  const flow = new Flow();
  for (let i = 0; i < ends; i++) flow.ended(1000, tookMs);
  return flow;
}

test("as many more sends are expected to end as ended lately", () => {
  // 64 in 25 ms, for 150 ms.
  expect(flowAfter(64, 4).expected(1001, atOnce)).toBe(384);
  expect(flowAfter(1, 4).expected(1001, atOnce)).toBe(6);
  expect(flowAfter(64, 4).expected(1100, atOnce)).toBe(0);
});

test("of slow sends that began together and end together, only as many as can end in that time", () => {
  const expected = flowAfter(64, 2000).expected(1001, atOnce);
  expect(expected).toBeGreaterThan(0);
  expect(expected).toBeLessThanOrEqual(Math.ceil((atOnce * 150) / 1900));
});
