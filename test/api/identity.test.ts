import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { batchEnqueue } from "../../server/src/api/batch-enqueue.ts";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { deleteJob } from "../../server/src/api/delete-job.ts";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { BatchEnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { cancel } from "./full-job.ts";
import { call, errorOf, jobWith, openRelay, received } from "./setting.ts";
import type { JobInput, Setting } from "./setting.ts";

const requestId = "6f1ccf30-5f0e-4d6a-9a3b-0d6c8a3f7d11";

function give(relay: Setting, job: JobInput, rest: { jobId?: string; requestId?: string } = { requestId }) {
  return enqueue(relay, received({ job, ...rest }), call);
}

describe("request_id", () => {
  test("makes a repeat answer what the first call was answered, whatever became of the job", async () => {
    const relay = await openRelay();
    const job = jobWith({ labels: new Map([["a", "1"]]), maxAttempts: 3 });
    const first = await give(relay, job);
    relay.later(1000);
    await cancel(relay, first.name);
    expect(await give(relay, job)).toEqual(first);
    expect(await give(relay, job, { requestId: requestId.toUpperCase() })).toEqual(first);
    expect(await relay.store.depth()).toBe(0);
    await deleteJob(relay, { name: first.name, etag: "" });
    expect(await give(relay, job)).toEqual({ ...first, traceContext: undefined });
    expect(await relay.store.depth()).toBe(0);
  });

  test("makes a repeat of a call with a delay answer with the times of the first", async () => {
    const relay = await openRelay();
    const repeat = () =>
      enqueue(relay, received({ job: jobWith(), requestId, delay: { seconds: 60n, nanos: 0 } }), call);
    const first = await repeat();
    expect(first.scheduleTime?.getTime()).toBe(first.createTime!.getTime() + 60_000);
    relay.later(30_000);
    expect(await repeat()).toEqual(first);
  });

  test("does not tell of another job that has got the id of one that was deleted", async () => {
    const relay = await openRelay();
    const job = jobWith({ maxAttempts: 3 });
    const first = await give(relay, job, { requestId, jobId: "a" });
    await cancel(relay, first.name);
    await deleteJob(relay, { name: first.name, etag: "" });
    await give(relay, jobWith({ maxAttempts: 7, labels: new Map([["other", "1"]]) }), { jobId: "a" });
    const { uid, maxAttempts, labels } = await give(relay, job, { requestId, jobId: "a" });
    expect({ uid, maxAttempts, labels }).toEqual({ uid: first.uid, maxAttempts: 3, labels: new Map() });
  });

  test("does not see the order of maps, what is ignored, or how the trace goes", async () => {
    const relay = await openRelay();
    const entries: [string, string][] = [
      ["a", "1"],
      ["b", "2"],
    ];
    const first = await give(relay, jobWith({ labels: new Map(entries) }, { parameters: new Map(entries) }));
    const turned = new Map(entries.toReversed());
    const again = jobWith({ labels: turned, uid: "x", attemptCount: 7 }, { parameters: turned });
    expect((await give(relay, again)).uid).toBe(first.uid);
  });

  test.each<[string, JobInput, { jobId?: string }]>([
    ["another body", jobWith({}, { body: Buffer.from("other") }), {}],
    ["another priority", jobWith({ priority: 1 }), {}],
    ["another label", jobWith({ labels: new Map([["a", "1"]]) }), {}],
    ["a job_id", jobWith(), { jobId: "a" }],
  ])("refuses %s under the same one", async (_, job, rest) => {
    const relay = await openRelay();
    await give(relay, jobWith());
    expect(await errorOf(give(relay, job, { requestId, ...rest }))).toMatchObject({
      code: status.ALREADY_EXISTS,
      reason: "REQUEST_ID_REUSED",
    });
    expect(await relay.store.depth()).toBe(1);
  });

  test("makes a repeated batch answer as before, and a batch that holds it twice is refused", async () => {
    const relay = await openRelay();
    const other = requestId.replace("6", "7");
    const batch = async (ids: readonly string[]) => {
      const requests = ids.map((id) => received({ job: jobWith(), requestId: id }));
      return [...(await batchEnqueue(relay, { requests }, call)).jobs];
    };
    const first = await batch([requestId, other]);
    expect(await batch([requestId, other])).toEqual(first);
    expect(await batch([other])).toEqual(first.slice(1));
    expect(await relay.store.depth()).toBe(2);
    expect((await errorOf(batch([requestId, requestId.toUpperCase()]))).fields).toEqual([
      "requests[1].request_id",
    ]);
  });
});

describe("dedup_key", () => {
  test("answers a second job with the first one, as it is", async () => {
    const relay = await openRelay();
    relay.handOver.room = 1;
    const first = await give(relay, jobWith({ dedupKey: "key", priority: 3 }), { jobId: "first" });
    expect(first.dedupKey).toBe("key");
    const second = await give(relay, jobWith({ dedupKey: "key" }), { jobId: "second" });
    expect(second).toMatchObject({
      name: "jobs/first",
      uid: first.uid,
      priority: 3,
      state: JobState.JOB_STATE_DISPATCHING,
    });
    expect(await relay.store.depth()).toBe(1);
  });

  test("answers it in a batch, too", async () => {
    const relay = await openRelay();
    const request = received({ job: jobWith({ dedupKey: "key" }) });
    const { jobs } = await batchEnqueue(
      relay,
      BatchEnqueueRequest.create({ requests: [request, request] }),
      call,
    );
    const [first, second] = jobs;
    expect(first).toBeDefined();
    expect(second).toEqual(first);
    expect(await relay.store.depth()).toBe(1);
  });
});
