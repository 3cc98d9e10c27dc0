/** What makes a repeated call known as such (AIP-155): its request_id, and a hash of all that it asks for. */
import { createHash } from "node:crypto";
import { Job } from "../gen/fieldpost/v1/job.ts";
import { EnqueueRequest } from "../gen/fieldpost/v1/relay.ts";
import type { RequestIdentity } from "../job/job.ts";
import { quote } from "./names.ts";
import type { Violations } from "./violations.ts";

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Undefined if the caller gave no request_id, or if something was added to `violations`.
 *
 * @param field path of the request inside the call, with a dot at its end; empty for the call itself
 */
export function checkRequestIdentity(
  request: EnqueueRequest,
  field: string,
  violations: Violations,
): RequestIdentity | undefined {
  const { requestId } = request;
  if (requestId === "") return undefined;
  if (!uuid.test(requestId)) {
    violations.add(`${field}request_id`, `${quote(requestId)} is not a UUID`);
    return undefined;
  }
  return { id: Buffer.from(requestId.replaceAll("-", ""), "hex"), contentHash: hashContent(request) };
}

/** Of what counts in a request alone: not its id, nor what it is told to be ignored; maps in one order. */
function hashContent({ job, jobId, delay }: EnqueueRequest): Uint8Array {
  const counts = EnqueueRequest.create({
    jobId,
    ...(delay === undefined ? {} : { delay }),
    ...(job === undefined ? {} : { job: Job.create(inputOf(job)) }),
  });
  return createHash("sha256").update(EnqueueRequest.encode(counts).finish()).digest().subarray(0, 16);
}

/** The fields that a caller gives. */
function inputOf(job: Job): Partial<Job> {
  const { queue, target, scheduleTime, expireTime, priority, dedupKey, maxAttempts, retryPolicy } = job;
  const { attemptTimeout, ambiguityPolicy, source, labels, retention } = job;
  return {
    ...{ queue, scheduleTime, expireTime, priority, dedupKey, maxAttempts, retryPolicy },
    ...{ attemptTimeout, ambiguityPolicy, source, retention },
    labels: sorted(labels),
    target:
      target === undefined
        ? undefined
        : { ...target, http: { ...target.http, parameters: sorted(target.http.parameters) } },
  };
}

/** Maps have no order on the wire. */
function sorted(map: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...map].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
