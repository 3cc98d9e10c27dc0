/** A gRPC client of the relay whose calls are promises. */
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import {
  BatchEnqueueRequest,
  BulkRetryJobsRequest,
  CancelJobRequest,
  DeleteJobRequest,
  EnqueueRequest,
  GetJobRequest,
  ListJobsRequest,
  RetryJobRequest,
  RelayServiceService,
} from "../../server/src/gen/fieldpost/v1/relay.ts";
import type {
  BatchEnqueueResponse,
  BulkRetryJobsResponse,
  DeepPartial,
  ListJobsResponse,
} from "../../server/src/gen/fieldpost/v1/relay.ts";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { Job } from "../../server/src/gen/fieldpost/v1/job.ts";

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export interface RelayClient {
  enqueue(request: DeepPartial<EnqueueRequest>, options?: CallOptions): Promise<Job>;
  batchEnqueue(
    request: DeepPartial<BatchEnqueueRequest>,
    options?: CallOptions,
  ): Promise<BatchEnqueueResponse>;
  getJob(request: DeepPartial<GetJobRequest>, options?: CallOptions): Promise<Job>;
  listJobs(request: DeepPartial<ListJobsRequest>, options?: CallOptions): Promise<ListJobsResponse>;
  cancelJob(request: DeepPartial<CancelJobRequest>, options?: CallOptions): Promise<Job>;
  retryJob(request: DeepPartial<RetryJobRequest>, options?: CallOptions): Promise<Job>;
  deleteJob(request: DeepPartial<DeleteJobRequest>, options?: CallOptions): Promise<unknown>;
  bulkRetryJobs(
    request: DeepPartial<BulkRetryJobsRequest>,
    options?: CallOptions,
  ): Promise<BulkRetryJobsResponse>;
  /** Reads the job again until it is in the state, and answers it whole. */
  reached(name: string, state: JobState): Promise<Job>;
  /** For calls that have no method here. */
  readonly channel: Client;
  close(): void;
}

const defaultDeadlineMs = 25_000;
const terminal: ReadonlySet<JobState> = new Set([
  JobState.JOB_STATE_SUCCEEDED,
  JobState.JOB_STATE_FAILED,
  JobState.JOB_STATE_CANCELLED,
  JobState.JOB_STATE_EXPIRED,
]);

/** Each client has a connection of its own, so several of them may meet several workers. */
export function createRelayClient(address: string): RelayClient {
  const channel = new Client(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
  });

  function call<Request, Response>(
    method: {
      readonly path: string;
      readonly requestSerialize: (value: Request) => Buffer;
      readonly responseDeserialize: (bytes: Buffer) => Response;
    },
    request: Request,
    { metadata = {}, deadlineMs = defaultDeadlineMs, signal }: CallOptions = {},
  ): Promise<Response> {
    const sent = new Metadata();
    for (const [key, value] of Object.entries(metadata)) sent.add(key, value);
    return new Promise((resolve, reject) => {
      const under = channel.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        sent,
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, response?: Response) => {
          signal?.removeEventListener("abort", abort);
          if (error === null) resolve(response as Response);
          else reject(error);
        },
      );
      const abort = (): void => under.cancel();
      signal?.addEventListener("abort", abort);
    });
  }

  const methods = RelayServiceService;
  return {
    enqueue: (request, options) => call(methods.enqueue, EnqueueRequest.create(request), options),
    batchEnqueue: (request, options) =>
      call(methods.batchEnqueue, BatchEnqueueRequest.create(request), options),
    getJob: (request, options) => call(methods.getJob, GetJobRequest.create(request), options),
    listJobs: (request, options) => call(methods.listJobs, ListJobsRequest.create(request), options),
    retryJob: (request, options) => call(methods.retryJob, RetryJobRequest.create(request), options),
    cancelJob: (request, options) => call(methods.cancelJob, CancelJobRequest.create(request), options),
    deleteJob: (request, options) => call(methods.deleteJob, DeleteJobRequest.create(request), options),
    bulkRetryJobs: (request, options) =>
      call(methods.bulkRetryJobs, BulkRetryJobsRequest.create(request), options),
    async reached(name, state) {
      for (;;) {
        const job = await call(methods.getJob, GetJobRequest.create({ name }));
        if (job.state === state) return job;
        if (terminal.has(job.state)) {
          throw new Error(
            `${name} ended in state ${job.state}, not ${state}: ${JSON.stringify(job.lastError?.message)}`,
          );
        }
        await new Promise((resolve) => void setTimeout(resolve, 10));
      }
    },
    channel,
    close: () => channel.close(),
  };
}
