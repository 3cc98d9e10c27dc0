import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { retryJob } from "../../server/src/api/retry-job.ts";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { cancel } from "./full-job.ts";
import { call, errorOf, jobWith, openRelay, received, start } from "./setting.ts";

describe("RetryJob", () => {
  test("begins a new run, and has it looked for at once", async () => {
    const relay = await openRelay();
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    const { etag } = await cancel(relay, "jobs/a");
    relay.later(500);
    const answer = await retryJob(relay, { name: "jobs/a", etag });
    expect(answer).toMatchObject({
      state: JobState.JOB_STATE_QUEUED,
      runCount: 2,
      nextAttemptTime: new Date(start + 500),
      finishTime: undefined,
    });
    expect(answer.etag).not.toBe(etag);
    expect(relay.handOver.announced.at(-1)).toBe(start + 500);
  });

  test("says what is in the way", async () => {
    const relay = await openRelay({ maxDepth: 2 });
    const retry = (id: string, etag = "") => errorOf(retryJob(relay, { name: `jobs/${id}`, etag }));
    const put = (jobId: string, dedupKey = "") =>
      enqueue(relay, received({ job: jobWith({ dedupKey }), jobId }), call);
    await put("a", "key");
    expect(await retry("a")).toMatchObject({
      code: status.FAILED_PRECONDITION,
      reason: "JOB_NOT_RESTARTABLE",
    });
    await cancel(relay, "jobs/a");
    await put("b", "key");
    expect(await retry("a")).toMatchObject({ code: status.FAILED_PRECONDITION, reason: "DEDUP_KEY_TAKEN" });
    await cancel(relay, "jobs/b");
    await put("c");
    await put("d");
    expect(await retry("a")).toMatchObject({ code: status.RESOURCE_EXHAUSTED, reason: "QUEUE_FULL" });
    expect(await retry("a", '"zz"')).toMatchObject({ code: status.ABORTED, reason: "ETAG_MISMATCH" });
    expect(await retry("nowhere")).toMatchObject({ code: status.NOT_FOUND });
    expect(await retry("no good")).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test("waits for the end of the attempt that ran when the job was cancelled", async () => {
    const relay = await openRelay();
    relay.handOver.room = 1;
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    await errorOf(cancel(relay, "jobs/a"));
    expect(await errorOf(retryJob(relay, { name: "jobs/a", etag: "" }))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      reason: "JOB_STILL_SENDING",
    });
  });
});
