// One process of the bare chain: grpc-js in, group commit, answer, undici out, group commit. No validation, no policy,
// no leases, no retries.
import { randomUUID } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";
import { JobState, type HttpTarget, type Job } from "../../../server/src/gen/fieldpost/v1/job.ts";
import { EnqueueRequest, RelayServiceService } from "../../../server/src/gen/fieldpost/v1/relay.ts";
import { answerMessages, childOptions } from "../child.ts";
import { openCommitter } from "./committer.ts";
import { createSender } from "./sender.ts";

export interface ChainOptions {
  store: string;
  /** 0: any. */
  port: number;
  targetOrigin: string;
  /** 0 to processes - 1. */
  index: number;
  processes: number;
  /** To the target. */
  connections: number;
}
export interface ChainReady {
  port: number;
}
/** The answer to every message: how many jobs this process has on disk as finished. */
export interface ChainRecorded {
  recorded: number;
}

/** The request as it came and as it was read: what came is what is stored. */
interface ReceivedRequest {
  bytes: Buffer;
  message: EnqueueRequest;
}

const noBytes = Buffer.alloc(0);
const options = childOptions<ChainOptions>();
const committer = await openCommitter(options.store);
const sender = createSender(options.targetOrigin, options.connections, (id, status) =>
  committer.finish(id, status),
);
// Ids of two processes never meet.
let nextId = options.processes + options.index;

const server = new Server();
server.addService(
  {
    enqueue: {
      ...RelayServiceService.enqueue,
      requestSerialize: () => noBytes,
      requestDeserialize: (bytes: Buffer): ReceivedRequest => ({
        bytes,
        message: EnqueueRequest.decode(bytes),
      }),
    },
  },
  { enqueue },
);
// grpc-js cannot listen with SO_REUSEPORT itself.
const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
const listener = createServer((socket) => injector.injectConnection(socket));
listener.listen({ host: "127.0.0.1", port: options.port, reusePort: true }, () => {
  process.send!({ port: (listener.address() as AddressInfo).port } satisfies ChainReady);
});
answerMessages((): ChainRecorded => ({ recorded: committer.countRecorded() }));

function enqueue(call: ServerUnaryCall<ReceivedRequest, Job>, answer: sendUnaryData<Job>): void {
  const { bytes, message } = call.request;
  const job = message.job!;
  const { http } = job.target!;
  const id = nextId;
  nextId += options.processes;
  committer.insert(id, bytes, () => {
    answer(null, acknowledge(id, job, http));
    sender.send(id, http);
  });
}

/** As Fieldpost answers: the job without its body. */
function acknowledge(id: number, job: Job, http: HttpTarget): Job {
  return {
    ...job,
    name: `jobs/${id}`,
    uid: randomUUID(),
    queue: "queues/default",
    state: JobState.JOB_STATE_DISPATCHING,
    target: { $case: "http", http: { ...http, body: noBytes } },
  };
}
