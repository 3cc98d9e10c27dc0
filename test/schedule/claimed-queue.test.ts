import { expect, test } from "vitest";
import { ClaimedQueue } from "../../server/src/schedule/claimed-queue.ts";
import { makeJob } from "../dispatch/support.ts";

test("keeps the order, and counts what stands in memory", () => {
  const queue = new ClaimedQueue();
  const jobs = [3, 5, 0, 7].map((size) => makeJob({ url: "http://a.test/", body: Buffer.alloc(size) }));
  for (const job of jobs) queue.push(job);
  expect(queue).toMatchObject({ length: 4, bodyBytes: 15 });
  expect(queue.shift()).toBe(jobs[0]);
  expect(queue.take(({ request }) => request.body.length !== 5)).toEqual([jobs[2], jobs[3]]);
  expect(queue).toMatchObject({ length: 1, bodyBytes: 5 });
  expect(queue.take(() => false)).toEqual([]);
  expect(queue.shift()).toBe(jobs[1]);
  expect(queue.shift()).toBeUndefined();
  expect(queue).toMatchObject({ length: 0, bodyBytes: 0 });
});
