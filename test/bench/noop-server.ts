// The bare grpc-js server (a process): Enqueue does nothing and answers an empty job.
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { RelayServiceService } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { childOptions } from "./child.ts";

export interface NoopReady {
  port: number;
}

childOptions();
const nothing = Buffer.alloc(0);
const asIs = (bytes: Buffer): Buffer => bytes;
const server = new Server();
server.addService(
  {
    enqueue: {
      ...RelayServiceService.enqueue,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  },
  { enqueue: (_call: unknown, answer: (error: null, value: Buffer) => void) => answer(null, nothing) },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send!({ port } satisfies NoopReady);
});
