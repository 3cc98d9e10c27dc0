// A worker that serves gRPC: any @grpc/grpc-js server, here one without generated code.
import grpc from "@grpc/grpc-js";

import { serveGrpc } from "@fieldpost/supervisor/grpc";
import { joinSupervisor } from "@fieldpost/supervisor/worker";

const worker = await joinSupervisor();

const bytes = (value: Buffer): Buffer => value;
const server = new grpc.Server();
server.addService(
  {
    whoAmI: {
      path: "/test.Echo/WhoAmI",
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  },
  {
    whoAmI: (_call: unknown, callback: grpc.sendUnaryData<Buffer>) =>
      callback(null, Buffer.from(`slot ${worker.slot}`)),
  },
);

const serving = await serveGrpc({
  server,
  credentials: grpc.ServerCredentials.createInsecure(),
  listener: worker.listener("main"),
});
worker.onDrain((deadlineMs) => serving.drain(deadlineMs));
worker.ready();
