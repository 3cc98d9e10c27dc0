import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { cancelJob } from "../../server/src/api/cancel-job.ts";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { AttemptResult, JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { Attempt } from "../../server/src/job/job.ts";
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

  const cutShort: Attempt = {
    number: 1,
    result: "outcome-unknown",
    startTime: start,
    endTime: start + 10,
    httpStatus: 0,
    error: { reason: "CANCELLED", message: "cancelled before the target answered" },
    worker: "w",
  };

  test("stops one that is being sent, where it is being sent, and says what is known of its attempt", async () => {
    const relay = await openRelay();
    relay.handOver.room = 1;
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    const { key } = relay.handOver.handedOver[0]!;
    relay.onStop = ({ key, worker }) =>
      relay.store.finish(worker, [
        { key, attempt: cutShort, response: undefined, next: { state: "RETRYING", nextAttemptTime: start } },
      ]);
    const answer = await cancel(relay, "jobs/a");
    expect(answer).toMatchObject({
      state: JobState.JOB_STATE_CANCELLED,
      attempts: [{ number: 1, result: AttemptResult.ATTEMPT_RESULT_OUTCOME_UNKNOWN }],
    });
    expect(relay.stopped).toEqual([{ key, worker: relay.worker, attempt: 1 }]);
  });

  test("says UNAVAILABLE while nobody knows what became of the attempt, and answers the repeated call", async () => {
    const relay = await openRelay();
    relay.handOver.room = 1;
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    const { key } = relay.handOver.handedOver[0]!;
    for (const _ of [1, 2]) {
      expect(await errorOf(cancel(relay, "jobs/a"))).toMatchObject({
        code: status.UNAVAILABLE,
        reason: "JOB_STILL_SENDING",
      });
    }
    await relay.store.finish(relay.worker, [
      { key, attempt: cutShort, response: undefined, next: { state: "FAILED" } },
    ]);
    expect((await cancel(relay, "jobs/a")).attempts).toHaveLength(1);
  });

  test("cancels one with the etag that the caller knows, and no other", async () => {
    const relay = await openRelay();
    const { etag } = await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    const withEtag = (etag: string) => cancelJob(relay, { name: "jobs/a", etag });
    expect(await errorOf(withEtag('"zz"'))).toMatchObject({ code: status.ABORTED, reason: "ETAG_MISMATCH" });
    expect((await withEtag(etag)).state).toBe(JobState.JOB_STATE_CANCELLED);
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
