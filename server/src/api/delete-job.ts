import { Empty } from "../gen/google/protobuf/empty.ts";
import type { DeleteJobRequest } from "../gen/fieldpost/v1/relay.ts";
import { RelayError } from "../job/error.ts";
import { etagMismatch, revisionOf } from "./etag.ts";
import { checkJobName, jobName, jobNotFound } from "./names.ts";
import type { Relay } from "./relay.ts";
import { Violations } from "./violations.ts";

export async function deleteJob(relay: Relay, request: DeleteJobRequest): Promise<Empty> {
  const violations = new Violations();
  const id = checkJobName(request.name, violations);
  violations.throwIfAny();
  const result = await relay.store.delete(id, relay.clock(), revisionOf(request.etag));
  switch (result.kind) {
    case "deleted":
      return Empty.create();
    case "not-found":
      throw jobNotFound(id);
    case "changed":
      throw etagMismatch(id, request.etag);
    case "not-ended":
      throw new RelayError(
        "FAILED_PRECONDITION",
        `${jobName(id)} has not ended: it is ${result.state}; cancel it first`,
        { reason: "JOB_NOT_TERMINAL" },
      );
    default:
      return result satisfies never;
  }
}
