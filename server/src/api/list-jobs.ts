import type { ListJobsRequest, ListJobsResponse } from "../gen/fieldpost/v1/relay.ts";
import { toJobMessage } from "./job-message.ts";
import { checkPageToken, formatPageToken } from "./page-token.ts";
import { checkListJobsReadMask, filterJob } from "./read-mask.ts";
import type { Relay } from "./relay.ts";
import { Violations } from "./violations.ts";

const defaultPageSize = 50;
const maxPageSize = 1000;
/** Leaves room below the 4 MiB that gRPC clients receive by default. */
const maxPageBytes = 3 * 1024 * 1024;

export async function listJobs(relay: Relay, request: ListJobsRequest): Promise<ListJobsResponse> {
  const violations = new Violations();
  if (request.filter !== "") violations.add("filter", "is not offered in this release; leave it out");
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
  });
  return {
    jobs: page.jobs.map((record) => filterJob(toJobMessage(record), mask)),
    nextPageToken: page.nextBeforeKey === undefined ? "" : formatPageToken(page.nextBeforeKey, query),
  };
}
