import type { Job } from "../gen/fieldpost/v1/job.ts";
import type { GetJobRequest } from "../gen/fieldpost/v1/relay.ts";
import { filterJob, parseGetJobReadMask } from "./read-mask.ts";
import { toJobMessage } from "./job-message.ts";
import { jobNotFound, parseJobName } from "./names.ts";
import type { Relay } from "./relay.ts";

export async function getJob(relay: Relay, request: GetJobRequest): Promise<Job> {
  const id = parseJobName(request.name);
  const mask = parseGetJobReadMask(request.readMask);
  const record = await relay.store.get(id, mask.parts);
  if (record === undefined) throw jobNotFound(id);
  return filterJob(toJobMessage(record), mask);
}
