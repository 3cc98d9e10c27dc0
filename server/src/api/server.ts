import { readFileSync } from "node:fs";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import type { Logger } from "../telemetry/log.ts";
import { EndlessStreams } from "./endless-streams.ts";
import { createDefinition, createHandlers } from "./handlers.ts";
import { addReflection } from "./reflection.ts";
import type { Relay } from "./relay.ts";

const serviceName = "fieldpost.v1.RelayService";

export interface GrpcServer {
  readonly server: Server;
  readonly credentials: ServerCredentials;
  /**
   * What grpc.health.v1 answers for the whole and for the service. False also ends the streams that callers leave open
   * and a drain would wait for: of health, of reflection, and StreamEnqueue, once what was read is acknowledged.
   */
  setServing(serving: boolean): void;
}

export interface GrpcServerOptions {
  /** Read anew for each call. */
  readonly maxMessageBytes: number;
  /** When a connection gets GOAWAY; undefined is never. Calls that run then are not cut. */
  readonly maxConnectionAgeMs?: number | undefined;
}

/** A grpc-js server with the relay's service, health and reflection; not listening yet. */
export function createGrpcServer(relay: Relay, log: Logger, options: GrpcServerOptions): GrpcServer {
  const { maxConnectionAgeMs } = options;
  const server = new Server({
    // grpc-js keeps this object and reads this field as each call begins; a test sees that it does.
    get "grpc.max_receive_message_length"() {
      return options.maxMessageBytes;
    },
    ...(maxConnectionAgeMs === undefined ? {} : { "grpc.max_connection_age_ms": maxConnectionAgeMs }),
    "grpc.max_send_message_length": -1,
    // Its bookkeeping costs a tenth of a call, and nothing here reads it.
    "grpc.enable_channelz": 0,
  });
  const streams = new EndlessStreams(server);
  server.addService(createDefinition(), createHandlers(relay, streams, log));
  const health = new HealthImplementation({ "": "NOT_SERVING", [serviceName]: "NOT_SERVING" });
  health.addToServer(streams.asServer);
  addReflection(streams.asServer, readFileSync(new URL("../gen/descriptors.binpb", import.meta.url)));
  return {
    server,
    credentials: ServerCredentials.createInsecure(),
    setServing(serving) {
      for (const name of ["", serviceName]) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
      if (!serving) streams.end();
    },
  };
}
