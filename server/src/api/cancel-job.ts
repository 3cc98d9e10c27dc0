import type { Job } from "../gen/fieldpost/v1/job.ts";
import type { CancelJobRequest } from "../gen/fieldpost/v1/relay.ts";
import { RelayError } from "../job/error.ts";
import { etagMismatch, revisionOf } from "./etag.ts";
import { toJobMessage } from "./job-message.ts";
import { checkJobName, jobName, jobNotFound } from "./names.ts";
import { answerParts } from "./read-mask.ts";
import type { Relay } from "./relay.ts";
import { Violations } from "./violations.ts";

export async function cancelJob(relay: Relay, request: CancelJobRequest): Promise<Job> {
  const violations = new Violations();
  const id = checkJobName(request.name, violations);
  violations.throwIfAny();
  const result = await relay.store.cancel(id, relay.clock(), revisionOf(request.etag));
  switch (result.kind) {
    case "not-found":
      throw jobNotFound(id);
    case "changed":
      throw etagMismatch(id, request.etag);
    case "ended":
      if (result.job.state !== "CANCELLED") {
        throw new RelayError("FAILED_PRECONDITION", `${jobName(id)} has ended: it is ${result.job.state}`, {
          reason: "JOB_TERMINAL",
        });
      }
      break;
    case "cancelled":
      if (result.dispatching !== undefined)
        relay.canceller.stop({ key: result.job.key, ...result.dispatching });
      break;
    default:
      return result satisfies never;
  }
  if (!(await relay.canceller.ended(result.job.key))) {
    throw new RelayError(
      "UNAVAILABLE",
      `${jobName(id)} is cancelled, but its worker has not said what became of the attempt: try again`,
      { reason: "JOB_STILL_SENDING", retryDelayMs: 1000 },
    );
  }
  const record = await relay.store.get(id, answerParts);
  if (record === undefined) throw jobNotFound(id);
  return toJobMessage(record);
}
