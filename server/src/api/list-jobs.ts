import { Job } from "../gen/fieldpost/v1/job.ts";
import type { ListJobsRequest, ListJobsResponse } from "../gen/fieldpost/v1/relay.ts";
import { checkFilter } from "./filter.ts";
import { toJobMessage } from "./job-message.ts";
import { checkPageToken, formatPageToken } from "./page-token.ts";
import { checkListJobsReadMask, filterJob } from "./read-mask.ts";
import type { Relay } from "./relay.ts";
import { Violations } from "./violations.ts";

const defaultPageSize = 50;
const maxPageSize = 1000;
/** Leaves room below the 4 MiB that gRPC clients receive by default. */
const maxPageBytes = 3 * 1024 * 1024;
/** Tag and length of each job in the page. */
const framingBytes = 5;

export async function listJobs(relay: Relay, request: ListJobsRequest): Promise<ListJobsResponse> {
  const violations = new Violations();
  const filter = checkFilter(request.filter, violations);
  if (request.orderBy !== "")
    violations.add("order_by", "is not offered in this release; newest first is the order");
  if (request.pageSize < 0) violations.add("page_size", `is ${request.pageSize}, must not be negative`);
  const mask = checkListJobsReadMask(request.readMask, violations);
  const query = JSON.stringify([request.filter, request.orderBy, request.readMask ?? null]);
  const beforeKey = checkPageToken(request.pageToken, query, violations);
  violations.throwIfAny();
  const page = await relay.store.list({
    limit: request.pageSize === 0 ? defaultPageSize : Math.min(request.pageSize, maxPageSize),
    maxBytes: maxPageBytes,
    beforeKey,
    parts: mask.parts,
    filter,
  });
  // The store's limit bounds what is read; only the message itself tells how large it is on the wire.
  const jobs: Job[] = [];
  let bytes = 0;
  for (const record of page.jobs) {
    const job = filterJob(toJobMessage(record), mask);
    bytes += Job.encode(job).finish().length + framingBytes;
    if (bytes > maxPageBytes && jobs.length > 0) break;
    jobs.push(job);
  }
  const nextBeforeKey = jobs.length < page.jobs.length ? page.jobs[jobs.length - 1]?.key : page.nextBeforeKey;
  return {
    jobs,
    nextPageToken: nextBeforeKey === undefined ? "" : formatPageToken(nextBeforeKey, query),
  };
}
