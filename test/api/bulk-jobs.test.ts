import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { bulkCancelJobs, bulkRetryJobs, purgeJobs } from "../../server/src/api/bulk-jobs.ts";
import { enqueue } from "../../server/src/api/enqueue.ts";
import type { Store } from "../../server/src/store/store.ts";
import { cancel } from "./full-job.ts";
import { call, errorOf, jobWith, openRelay, received } from "./setting.ts";
import type { Setting } from "./setting.ts";

async function withJobs(count: number, wrap?: (store: Store) => Partial<Store>): Promise<Setting> {
  const relay = await openRelay({ maxDepth: 1000, ...(wrap === undefined ? {} : { wrap }) });
  for (let index = 0; index < count; index++) {
    const labels = new Map([["team", index % 2 === 0 ? "even" : "odd"]]);
    await enqueue(relay, received({ job: jobWith({ labels }), jobId: `job-${index}` }), call);
  }
  return relay;
}

const odd = { filter: "labels.team = odd", validateOnly: false };
const all = { filter: "*", validateOnly: false };

async function statesOf(relay: Setting, count: number): Promise<(string | undefined)[]> {
  const ids = Array.from({ length: count }, (_, index) => `job-${index}`);
  const records = await Promise.all(ids.map((id) => relay.store.get(id, new Set())));
  return records.map((record) => record?.state);
}

describe("BulkCancelJobs, BulkRetryJobs and PurgeJobs", () => {
  test("change the jobs that match and are in a state for it, and count them", async () => {
    const relay = await withJobs(500);
    expect(await bulkCancelJobs(relay, { ...odd, validateOnly: true })).toEqual({ count: 250n });
    expect(await relay.store.depth()).toBe(500);
    expect(await bulkCancelJobs(relay, odd)).toEqual({ count: 250n });
    expect(await bulkCancelJobs(relay, odd)).toEqual({ count: 0n });
    expect((await statesOf(relay, 4)).join()).toBe("QUEUED,CANCELLED,QUEUED,CANCELLED");
    expect(await bulkRetryJobs(relay, { filter: "name = jobs/job-1*", validateOnly: false })).toEqual({
      count: 56n,
    });
    expect((await statesOf(relay, 4)).join()).toBe("QUEUED,QUEUED,QUEUED,CANCELLED");
    expect(relay.handOver.announced.length).toBeGreaterThan(500);
    expect(await purgeJobs(relay, all)).toEqual({ count: 194n });
    expect((await statesOf(relay, 4)).map(String).join()).toBe("QUEUED,QUEUED,QUEUED,undefined");
    expect(await relay.store.depth()).toBe(306);
  });

  test("want a filter, and name what is wrong with it", async () => {
    const relay = await withJobs(0);
    for (const bulk of [bulkCancelJobs, bulkRetryJobs, purgeJobs]) {
      for (const filter of ["", "  ", "state = WRONG", "*x"]) {
        const error = await errorOf(bulk(relay, { filter, validateOnly: false }));
        expect([error.code, error.fields]).toEqual([status.INVALID_ARGUMENT, ["filter"]]);
      }
    }
  });

  test("take a job that changed meanwhile as it is now", async () => {
    let changed = 0;
    const relay = await withJobs(3, (kept) => ({
      cancel: async (id, now, revision) => {
        // It is claimed between the look and the change, once.
        if (revision !== undefined && changed++ === 0) await kept.claim(1, 1, now);
        return kept.cancel(id, now, revision);
      },
    }));
    relay.onStop = ({ key, worker, attempt }) =>
      relay.store.finish(worker, [
        {
          key,
          attempt: {
            ...{ number: attempt, result: "outcome-unknown", startTime: 0, endTime: 1 },
            ...{ httpStatus: 0, error: undefined, worker: "w" },
          },
          response: undefined,
          next: { state: "FAILED" },
        },
      ]);
    expect(await bulkCancelJobs(relay, all)).toEqual({ count: 3n });
    expect(await statesOf(relay, 3)).toEqual(["CANCELLED", "CANCELLED", "CANCELLED"]);
  });

  test("leave out what cannot be restarted, and say when the queue is full", async () => {
    const relay = await openRelay({ maxDepth: 2 });
    for (const jobId of ["a", "b"]) {
      await enqueue(relay, received({ job: jobWith({ dedupKey: "key" }), jobId }), call);
      await cancel(relay, `jobs/${jobId}`);
    }
    expect(await bulkRetryJobs(relay, all)).toEqual({ count: 1n });
    await enqueue(relay, received({ job: jobWith(), jobId: "c" }), call);
    const other = { filter: "state = CANCELLED", validateOnly: false };
    expect(await bulkRetryJobs(relay, other)).toEqual({ count: 0n });
    await cancel(relay, "jobs/c");
    await enqueue(relay, received({ job: jobWith(), jobId: "d" }), call);
    expect(
      await errorOf(bulkRetryJobs(relay, { filter: "name = jobs/c", validateOnly: false })),
    ).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      reason: "QUEUE_FULL",
    });
  });
});
