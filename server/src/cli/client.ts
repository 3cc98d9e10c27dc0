/** The way to a relay: channels, deadlines, errors and trace context, for every command that calls one. */
import { Client, Metadata, credentials, type ChannelOptions, type ServiceError } from "@grpc/grpc-js";
import { formatAddress, isLocal } from "../config/address.ts";
import type { ClientConfig } from "../config/serve-config.ts";
import { RpcError } from "./rpc-error.ts";
import { noTracing, type CallTracing } from "./tracing.ts";

/** The methods of fieldpost.v1.RelayService that commands call. */
export type RelayMethod =
  | "Enqueue"
  | "GetJob"
  | "ListJobs"
  | "CancelJob"
  | "RetryJob"
  | "DeleteJob"
  | "BulkCancelJobs"
  | "BulkRetryJobs"
  | "PurgeJobs";

export interface Relay {
  /** As a person writes it. */
  readonly address: string;
  /**
   * Calls a method with an encoded request and answers the encoded response. Bytes, because JSON and human output read
   * them differently, and neither should pay for the other.
   *
   * @throws RpcError
   */
  call(method: RelayMethod, request: Uint8Array): Promise<Buffer>;
  close(): void;
}

export interface RelayOptions {
  /** How many connections share the calls; default 1. */
  readonly channels?: number;
  /** Default {@link noTracing}. */
  readonly tracing?: CallTracing;
}

/** Opens the way to a relay. Connects with the first call. */
export function openRelay({ grpc, deadlineMs }: ClientConfig, options: RelayOptions = {}): Relay {
  const { channels = 1, tracing = noTracing } = options;
  const address = formatAddress(grpc);
  const channelOptions: ChannelOptions = {
    // Otherwise all channels to one address share one connection.
    "grpc.use_local_subchannel_pool": 1,
    // A page of jobs with their bodies may be larger than the 4 MiB that grpc-js allows.
    "grpc.max_receive_message_length": -1,
    // By default a channel that lost its relay looks for it again only after up to two minutes.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    // A proxy cannot reach this machine's loopback.
    ...(isLocal(grpc) ? { "grpc.enable_http_proxy": 0 } : {}),
  };
  const clients = Array.from(
    { length: channels },
    () => new Client(address, credentials.createInsecure(), channelOptions),
  );
  let turn = 0;

  async function call(method: RelayMethod, request: Uint8Array): Promise<Buffer> {
    const client = clients[turn++ % clients.length]!;
    const span = tracing.startCall(`fieldpost.v1.RelayService/${method}`);
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(span.headers)) metadata.set(name, value);
    try {
      const response = await unary(client, method, request, metadata, Date.now() + deadlineMs);
      span.end("OK");
      return response;
    } catch (error) {
      span.end((error as RpcError).code, (error as RpcError).message);
      throw error;
    }
  }

  return {
    address,
    call,
    close() {
      for (const client of clients) client.close();
    },
  };
}

function unary(
  client: Client,
  method: RelayMethod,
  request: Uint8Array,
  metadata: Metadata,
  deadline: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/fieldpost.v1.RelayService/${method}`,
      (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      (bytes: Buffer) => bytes,
      request,
      metadata,
      { deadline },
      (error: ServiceError | null, response?: Buffer) => {
        if (error === null) resolve(response ?? Buffer.alloc(0));
        else reject(new RpcError(error));
      },
    );
  });
}
