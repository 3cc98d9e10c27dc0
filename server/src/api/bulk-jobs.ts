/** What is done with all jobs that match a filter. Not in one transaction: a job at a time, each as its own RPC does it. */
import type {
  BulkCancelJobsRequest,
  BulkCancelJobsResponse,
  BulkRetryJobsRequest,
  BulkRetryJobsResponse,
  PurgeJobsRequest,
  PurgeJobsResponse,
} from "../gen/fieldpost/v1/relay.ts";
import type { JobFilter } from "../job/filter.ts";
import type { JobRecord } from "../job/job.ts";
import { jobStates, nextState, isTerminal } from "../job/state.ts";
import type { JobState } from "../job/state.ts";
import { checkFilter } from "./filter.ts";
import type { Relay } from "./relay.ts";
import { queueFull } from "./status.ts";
import { Violations } from "./violations.ts";

/** Jobs that are read, and then changed side by side: the changes share commits. */
const pageSize = 200;
const maxPageBytes = 1024 * 1024;

export async function bulkCancelJobs(
  relay: Relay,
  request: BulkCancelJobsRequest,
): Promise<BulkCancelJobsResponse> {
  const isOpen = (state: JobState): boolean => nextState(state, "cancel") !== undefined;
  return changeAll(relay, request, isOpen, async ({ id, revision }) => {
    const result = await relay.store.cancel(id, relay.clock(), revision);
    if (result.kind !== "cancelled") return result.kind === "changed" ? "changed" : "skipped";
    if (result.dispatching !== undefined) {
      relay.canceller.stop({ key: result.job.key, ...result.dispatching });
      await relay.canceller.ended(result.job.key);
    }
    return "done";
  });
}

export async function bulkRetryJobs(
  relay: Relay,
  request: BulkRetryJobsRequest,
): Promise<BulkRetryJobsResponse> {
  const isRestartable = (state: JobState): boolean => nextState(state, "retry-now") !== undefined;
  return changeAll(relay, request, isRestartable, async ({ id, revision }) => {
    const now = relay.clock();
    const result = await relay.store.retry(id, now, revision);
    if (result.kind === "full") throw queueFull(result, "the jobs that are not restarted stay as they are");
    if (result.kind !== "restarted") return result.kind === "changed" ? "changed" : "skipped";
    relay.handOver.announce(now);
    return "done";
  });
}

export async function purgeJobs(relay: Relay, request: PurgeJobsRequest): Promise<PurgeJobsResponse> {
  return changeAll(relay, request, isTerminal, async ({ id, revision }) => {
    const { kind } = await relay.store.delete(id, relay.clock(), revision);
    return kind === "deleted" ? "done" : kind === "changed" ? "changed" : "skipped";
  });
}

/** `changed`: it is not as it was when it was found; it is looked at again. */
type Change = (job: JobRecord) => Promise<"done" | "skipped" | "changed">;

async function changeAll(
  relay: Relay,
  request: { readonly filter: string; readonly validateOnly: boolean },
  isMeant: (state: JobState) => boolean,
  change: Change,
): Promise<{ count: bigint }> {
  const violations = new Violations();
  // AIP-165: whoever means all jobs says so.
  const given = request.filter.trim() === "*" ? undefined : checkFilter(request.filter, violations);
  if (request.filter.trim() === "") {
    violations.add("filter", "is required; * means all jobs");
  }
  violations.throwIfAny();
  const ofStates: JobFilter = {
    kind: "or",
    filters: jobStates.filter((state) => isMeant(state)).map((state) => ({ kind: "state", state })),
  };
  const filter: JobFilter = given === undefined ? ofStates : { kind: "and", filters: [ofStates, given] };
  let count = 0;
  let beforeKey: number | undefined;
  do {
    const page = await find(relay, filter, beforeKey);
    const done = request.validateOnly
      ? page.jobs.map(() => true)
      : await Promise.all(page.jobs.map((job) => changeOne(relay, filter, job, change)));
    count += done.filter(Boolean).length;
    beforeKey = page.nextBeforeKey;
  } while (beforeKey !== undefined);
  return { count: BigInt(count) };
}

function find(relay: Relay, filter: JobFilter, beforeKey: number | undefined) {
  return relay.store.list({
    limit: pageSize,
    maxBytes: maxPageBytes,
    beforeKey,
    parts: new Set(),
    filter,
  });
}

/** Until it is done, or is not meant any more. */
async function changeOne(
  relay: Relay,
  filter: JobFilter,
  found: JobRecord,
  change: Change,
): Promise<boolean> {
  const thisOne: JobFilter = { kind: "text", field: "id", match: "whole", value: found.id };
  for (let job: JobRecord | undefined = found; job !== undefined;) {
    const outcome = await change(job);
    if (outcome !== "changed") return outcome === "done";
    const again = await find(relay, { kind: "and", filters: [filter, thisOne] }, job.key + 1);
    job = again.jobs[0];
  }
  return false;
}
