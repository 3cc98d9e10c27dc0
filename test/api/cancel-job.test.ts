import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { cancel } from "./full-job.ts";
import { call, errorOf, jobWith, openRelay, received, start } from "./setting.ts";

describe("CancelJob", () => {
  test("cancels a job that waits, and stops nothing", async () => {
    const relay = await openRelay();
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    relay.later(500);
    const answer = await cancel(relay, "jobs/a");
    expect(answer).toMatchObject({ state: JobState.JOB_STATE_CANCELLED, finishTime: new Date(start + 500) });
    expect(answer.nextAttemptTime).toBeUndefined();
    expect(relay.stopped).toEqual([]);
    expect(await relay.store.depth()).toBe(0);
  });

  test("stops one that is being sent, where it is being sent", async () => {
    const relay = await openRelay();
    relay.handOver.room = 1;
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    const { key } = relay.handOver.handedOver[0]!;
    expect((await cancel(relay, "jobs/a")).state).toBe(JobState.JOB_STATE_CANCELLED);
    expect(relay.stopped).toEqual([{ key, worker: relay.worker, attempt: 1 }]);
  });

  test("answers one that was cancelled before as it is", async () => {
    const relay = await openRelay();
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    const first = await cancel(relay, "jobs/a");
    relay.later(500);
    expect(await cancel(relay, "jobs/a")).toEqual(first);
  });

  test("refuses one that has ended otherwise", async () => {
    const relay = await openRelay();
    relay.handOver.room = 1;
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    const { key } = relay.handOver.handedOver[0]!;
    const attempt = {
      number: 1,
      result: "succeeded",
      startTime: start,
      endTime: start,
      httpStatus: 200,
      error: undefined,
      worker: "w",
    } as const;
    await relay.store.finish(relay.worker, [
      { key, attempt, response: undefined, next: { state: "SUCCEEDED" } },
    ]);
    const error = await errorOf(cancel(relay, "jobs/a"));
    expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, reason: "JOB_TERMINAL" });
    expect(error.message).toContain("SUCCEEDED");
  });

  test("says NOT_FOUND of a job that is not there", async () => {
    const relay = await openRelay();
    expect(await errorOf(cancel(relay, "jobs/absent"))).toMatchObject({
      code: status.NOT_FOUND,
      reason: "JOB_NOT_FOUND",
    });
  });
});
