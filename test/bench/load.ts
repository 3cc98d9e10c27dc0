// The generator (a process): hands jobs over by gRPC, on several connections.
import { Client, credentials } from "@grpc/grpc-js";
import { Job } from "../../server/src/gen/fieldpost/v1/job.ts";
import { BatchEnqueueResponse, RelayServiceService } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { paceCalls, runCalls, type LoadPace, type LoadResult, type LoadRun } from "./calls.ts";
import { answerMessages, childOptions } from "./child.ts";
import { openHttp2Client, type Http2Client } from "./http2-client.ts";
import { encodeBatch, encodePayload } from "./payload.ts";
import { openRawClient, type UnaryClient } from "./raw-client.ts";
import { runStreams } from "./streams.ts";

/** How jobs are handed over. */
export type Way =
  /** One with each call of Enqueue; `delaySeconds`: so much later it is due. */
  | { kind: "unary"; delaySeconds?: number }
  /** `size` with each call of BatchEnqueue; with `spreadSeconds` they are due over that time. */
  | { kind: "batch"; size: number; delaySeconds?: number; spreadSeconds?: number }
  /** One StreamEnqueue on each connection, `window` jobs on each that are not acknowledged yet. */
  | { kind: "stream"; window: number };

export interface LoadOptions {
  /** Where the connections go, in turn. */
  addresses: string[];
  connections: number;
  targetUrl: string;
  way: Way;
  /** For unary calls. */
  client: "raw" | "grpc-js";
  /** Connections opened beyond those, from which "keep" chooses. */
  spares: number;
}
/** Closes all connections but those from the local `ports`; answered by LoadPorts, as is "ports". */
export interface LoadKeep {
  kind: "keep";
  ports: number[];
}
export interface LoadPorts {
  ports: number[];
}

const noBytes = Buffer.alloc(0);
const options = childOptions<LoadOptions>();
const { targetUrl, way } = options;
const addresses = Array.from(
  { length: options.connections + options.spares },
  (_, index) => options.addresses[index % options.addresses.length]!,
);
const { clients, run } = await openWay();
let kept = clients;
process.send!({});

answerMessages<LoadRun | LoadPace | LoadKeep | { kind: "ports" }>((message) => {
  if (message.kind === "run" || message.kind === "pace") return run(message);
  if (message.kind === "keep") {
    for (const client of kept) if (!message.ports.includes(client.port)) client.close();
    kept = kept.filter((client) => message.ports.includes(client.port));
  }
  return { ports: kept.map((client) => client.port) } satisfies LoadPorts;
});

async function openWay(): Promise<{
  clients: readonly UnaryClient[];
  run: (message: LoadRun | LoadPace) => Promise<LoadResult>;
}> {
  if (way.kind === "stream") {
    const { path } = RelayServiceService.streamEnqueue;
    const streaming = await Promise.all(addresses.map((address) => openHttp2Client(address, path, noBytes)));
    const areKept = (client: Http2Client): boolean => kept.includes(client);
    const { window } = way;
    return {
      clients: streaming,
      run: ({ count }) => runStreams(streaming.filter(areKept), targetUrl, { count, window }),
    };
  }
  if (way.kind === "batch") {
    const { size, delaySeconds, spreadSeconds = 0 } = way;
    const request = encodeBatch(targetUrl, size, (index) =>
      delaySeconds === undefined ? undefined : delaySeconds + Math.floor((spreadSeconds * index) / size),
    );
    const { path } = RelayServiceService.batchEnqueue;
    const namesOf = (answer: Buffer): string[] =>
      BatchEnqueueResponse.decode(answer).jobs.map(({ name }) => name);
    return {
      clients: await Promise.all(addresses.map((address) => openHttp2Client(address, path, request))),
      run: (message) => runOn(message, size, namesOf),
    };
  }
  const open = options.client === "raw" ? openRawClient : openGrpcClient;
  const { path } = RelayServiceService.enqueue;
  const request = encodePayload(targetUrl, { delaySeconds: way.delaySeconds });
  return {
    clients: await Promise.all(addresses.map((address) => open(address, path, request))),
    run: (message) => runOn(message, 1, (answer) => [Job.decode(answer).name]),
  };
}

function runOn(
  message: LoadRun | LoadPace,
  jobsACall: number,
  namesOf: (answer: Buffer) => string[],
): Promise<LoadResult> {
  return message.kind === "run"
    ? runCalls(kept, message, jobsACall, namesOf)
    : paceCalls(kept, message, namesOf);
}

function openGrpcClient(address: string, path: string, request: Buffer): Promise<UnaryClient> {
  // Without a pool of its own, all channels to one address share one connection.
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + 10_000, (error) => {
      if (error) return reject(error);
      resolve({
        port: 0,
        close: () => client.close(),
        call: (onEnd) =>
          void client.makeUnaryRequest(path, asIs, asIs, request, (failure, answer) => {
            onEnd(failure ? undefined : answer, failure?.message);
          }),
      });
    });
  });
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
