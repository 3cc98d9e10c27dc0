/** The table of RPCs: what each one runs. Those without a row in `methods` answer UNIMPLEMENTED by name. */
import type { RelayServiceService } from "../gen/fieldpost/v1/relay.ts";
import { batchEnqueue } from "./batch-enqueue.ts";
import { readBatch, writeBatch } from "./batch-wire.ts";
import { bulkCancelJobs, bulkRetryJobs, purgeJobs } from "./bulk-jobs.ts";
import { cancelJob } from "./cancel-job.ts";
import { deleteJob } from "./delete-job.ts";
import { enqueue } from "./enqueue.ts";
import { getJob } from "./get-job.ts";
import { listJobs } from "./list-jobs.ts";
import { retryJob } from "./retry-job.ts";
import type { Call, Relay } from "./relay.ts";
import { streamEnqueue } from "./stream-enqueue.ts";
import type { Answers } from "./stream-enqueue.ts";
import type { Intake } from "./stream-intake.ts";

export type MethodName = keyof typeof RelayServiceService;

/** A unary RPC apart from how the call came in. @throws RelayError */
export type Method = (relay: Relay, request: never, call: Call) => Promise<unknown>;

/** From and to the bytes on the wire, for messages that are too large to be read or written in one go. */
export interface Wire {
  read(bytes: Uint8Array): unknown;
  write(response: never): Promise<Uint8Array>;
}

export const wires: { readonly [M in MethodName]?: Wire } = {
  batchEnqueue: { read: readBatch, write: writeBatch },
};

/** The same of an RPC with a stream both ways. Its promise resolves when all is answered. @throws RelayError */
export type StreamMethod = (
  relay: Relay,
  intake: Intake<never>,
  answers: Answers,
  call: Call,
) => Promise<void>;

export const streamMethods: { readonly [M in MethodName]?: StreamMethod } = { streamEnqueue };

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
