/** The table of RPCs: what each one runs. Those without a row in `methods` answer UNIMPLEMENTED by name. */
import type { RelayServiceService } from "../gen/fieldpost/v1/relay.ts";
import { batchEnqueue } from "./batch-enqueue.ts";
import { bulkCancelJobs, bulkRetryJobs, purgeJobs } from "./bulk-jobs.ts";
import { cancelJob } from "./cancel-job.ts";
import { deleteJob } from "./delete-job.ts";
import { enqueue } from "./enqueue.ts";
import { getJob } from "./get-job.ts";
import { listJobs } from "./list-jobs.ts";
import { retryJob } from "./retry-job.ts";
import type { Call, Relay } from "./relay.ts";

export type MethodName = keyof typeof RelayServiceService;

/** A unary RPC apart from how the call came in. @throws RelayError */
export type Method = (relay: Relay, request: never, call: Call) => Promise<unknown>;

export const methods: { readonly [M in MethodName]?: Method } = {
  enqueue,
  batchEnqueue,
  getJob,
  listJobs,
  cancelJob,
  retryJob,
  deleteJob,
  bulkCancelJobs,
  bulkRetryJobs,
  purgeJobs,
};
