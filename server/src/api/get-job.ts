import type { Job } from "../gen/fieldpost/v1/job.ts";
import type { GetJobRequest } from "../gen/fieldpost/v1/relay.ts";
import { toJobMessage } from "./job-message.ts";
import { checkJobName, jobNotFound } from "./names.ts";
import { checkGetJobReadMask, filterJob } from "./read-mask.ts";
import type { Relay } from "./relay.ts";
import { Violations } from "./violations.ts";

export async function getJob(relay: Relay, request: GetJobRequest): Promise<Job> {
  const violations = new Violations();
  const id = checkJobName(request.name, violations);
  const mask = checkGetJobReadMask(request.readMask, violations);
  violations.throwIfAny();
  const record = await relay.store.get(id, mask.parts);
  if (record === undefined) throw jobNotFound(id);
  return filterJob(toJobMessage(record), mask);
}
