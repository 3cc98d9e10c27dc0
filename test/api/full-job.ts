/** Calls without their wrapping, and a job that has everything, for the tests of the RPCs that read. */
import { cancelJob } from "../../server/src/api/cancel-job.ts";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { getJob } from "../../server/src/api/get-job.ts";
import { listJobs } from "../../server/src/api/list-jobs.ts";
import { CancelJobRequest, GetJobRequest, ListJobsRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import type { DeepPartial } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { call, jobWith, openRelay, received, start } from "./setting.ts";
import type { Setting } from "./setting.ts";

export const get = (relay: Setting, name: string, readMask?: string[]) =>
  getJob(relay, GetJobRequest.create(readMask === undefined ? { name } : { name, readMask }));
export const list = (relay: Setting, request: DeepPartial<ListJobsRequest> = {}) =>
  listJobs(relay, ListJobsRequest.create(request));
export const cancel = (relay: Setting, name: string) => cancelJob(relay, CancelJobRequest.create({ name }));

/** A relay with one job that has everything: two attempts, an error, a response, labels. */
export async function withFullJob(): Promise<Setting> {
  const relay = await openRelay();
  await enqueue(
    relay,
    received({
      jobId: "full",
      job: jobWith(
        {
          labels: new Map([["team", "post"]]),
          expireTime: new Date(start + 60_000),
          maxAttempts: 5,
          priority: 2,
        },
        { method: "PUT", headers: [{ name: "A", value: "b" }], body: Buffer.from("the body") },
      ),
    }),
    call,
  );
  for (const number of [1, 2]) {
    const { jobs } = await relay.store.claim(relay.worker, 1, start + number * 1000);
    const job = jobs[0]!;
    await relay.store.finish(relay.worker, [
      {
        key: job.key,
        attempt: {
          number,
          result: "failed",
          startTime: start + number * 1000,
          endTime: start + number * 1000 + 10,
          httpStatus: 503,
          error: { reason: "STATUS_RETRYABLE", message: "the target answered 503" },
          worker: "worker-1",
        },
        response: {
          status: 503,
          headers: [{ name: "server", value: "t" }],
          body: Buffer.from(`busy ${number}`),
          truncated: true,
        },
        next: { state: "RETRYING", nextAttemptTime: start + number * 1000 + 500 },
      },
    ]);
  }
  return relay;
}
