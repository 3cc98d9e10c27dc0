/** The relay takes away what is kept no longer, and its file does not grow for what comes after. */
import { statSync } from "node:fs";
import { expect, test } from "vitest";
import { startRelay, until } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

test("jobs that have ended go when their time is over, and leave their space in the file to others", async () => {
  await using target = await startTarget();
  await using relay = await startRelay({ workers: 2, args: ["--job-retention", "1s"] });
  const body = Buffer.alloc(10_000, 1);
  const put = (round: number) =>
    relay.client.batchEnqueue({
      requests: Array.from({ length: 300 }, (_, index) => ({
        jobId: `round-${round}-${index}`,
        job: post(target.url, "", { body }),
      })),
    });
  const kept = await relay.client.enqueue({
    job: { ...post(target.url), retention: { seconds: 3600n, nanos: 0 } },
  });
  const sizes: number[] = [];
  for (let round = 0; round < 4; round++) {
    await put(round);
    await until(async () => (await relay.client.listJobs({})).jobs.length === 1);
    sizes.push(statSync(relay.store).size);
  }
  expect(target.requests).toHaveLength(1201);
  expect((await relay.client.listJobs({})).jobs.map(({ name }) => name)).toEqual([kept.name]);
  // Room for one round and for what is on its way: four would take four times that.
  expect(sizes.at(-1)!).toBeLessThan(2 * sizes[0]!);
});

test("no more jobs that have ended are kept than --max-ended-jobs says", async () => {
  await using target = await startTarget();
  await using relay = await startRelay({ workers: 2, args: ["--max-ended-jobs", "7"] });
  await relay.client.batchEnqueue({
    requests: Array.from({ length: 500 }, () => ({ job: post(target.url) })),
  });
  await target.received(500);
  await until(async () => (await relay.client.listJobs({})).jobs.length === 7);
});
