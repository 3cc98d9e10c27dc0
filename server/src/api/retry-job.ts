import type { Job } from "../gen/fieldpost/v1/job.ts";
import type { RetryJobRequest } from "../gen/fieldpost/v1/relay.ts";
import { RelayError } from "../job/error.ts";
import { etagMismatch, revisionOf } from "./etag.ts";
import { toJobMessage } from "./job-message.ts";
import { checkJobName, jobName, jobNotFound } from "./names.ts";
import { answerParts } from "./read-mask.ts";
import type { Relay } from "./relay.ts";
import { queueFull } from "./status.ts";
import { Violations } from "./violations.ts";

export async function retryJob(relay: Relay, request: RetryJobRequest): Promise<Job> {
  const violations = new Violations();
  const id = checkJobName(request.name, violations);
  violations.throwIfAny();
  const now = relay.clock();
  const result = await relay.store.retry(id, now, revisionOf(request.etag));
  switch (result.kind) {
    case "restarted":
      relay.handOver.announce(now);
      break;
    case "not-found":
      throw jobNotFound(id);
    case "changed":
      throw etagMismatch(id, request.etag);
    case "not-restartable":
      throw refused(
        `${jobName(id)} is ${result.state}; only a job that FAILED, EXPIRED, was CANCELLED or is HELD has a new run`,
        "JOB_NOT_RESTARTABLE",
      );
    case "still-sending":
      throw refused(
        `${jobName(id)} was cancelled, and its last attempt has not ended yet: try again`,
        "JOB_STILL_SENDING",
      );
    case "duplicate":
      throw refused(`${jobName(result.id)} has the dedup_key of ${jobName(id)} by now`, "DEDUP_KEY_TAKEN");
    case "under-way": {
      const message = `another call stores ${jobName(result.id)} just now, with the dedup_key of ${jobName(id)}; nothing was changed`;
      throw new RelayError("UNAVAILABLE", message, { reason: "CALL_UNDER_WAY", retryDelayMs: 100 });
    }
    case "full":
      throw queueFull(result, "nothing was changed");
    default:
      return result satisfies never;
  }
  const record = await relay.store.get(id, answerParts);
  if (record === undefined) throw jobNotFound(id);
  return toJobMessage(record);
}

function refused(message: string, reason: string): RelayError {
  return new RelayError("FAILED_PRECONDITION", message, { reason });
}
