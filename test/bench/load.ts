// The generator (a process): keeps a fixed number of unary Enqueue calls in flight over several connections.
import { Client, credentials } from "@grpc/grpc-js";
import { Job } from "../../server/src/gen/fieldpost/v1/job.ts";
import { RelayServiceService } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { answerMessages, childOptions } from "./child.ts";
import { encodePayload } from "./payload.ts";
import { openRawClient, type UnaryClient } from "./raw-client.ts";
import { quantile } from "./stats.ts";

export interface LoadOptions {
  /** Where the connections go, in turn. */
  addresses: string[];
  connections: number;
  targetUrl: string;
  client: "raw" | "grpc-js";
  /** Connections opened beyond those, from which "keep" chooses. */
  spares: number;
}
/** `count` calls, `concurrency` of them in flight; answered by LoadResult. */
export interface LoadRun {
  kind: "run";
  count: number;
  concurrency: number;
}
/** Closes all connections but those from the local `ports`; answered by LoadPorts, as is "ports". */
export interface LoadKeep {
  kind: "keep";
  ports: number[];
}
export interface LoadPorts {
  ports: number[];
}
export interface LoadResult {
  /** CLOCK_MONOTONIC, which all processes share. */
  firstNs: bigint;
  lastNs: bigint;
  /** The acknowledged names, in the order of their answers. */
  names: string[];
  failures: number;
  /** The reason of the first, where the client knows it. */
  failure: string | undefined;
  latencyP99Ms: number;
}

const options = childOptions<LoadOptions>();
const payload = encodePayload(options.targetUrl);
const method = RelayServiceService.enqueue.path;
const open = options.client === "raw" ? openRawClient : openGrpcClient;
let clients = await Promise.all(
  Array.from({ length: options.connections + options.spares }, (_, index) =>
    open(options.addresses[index % options.addresses.length]!, method, payload),
  ),
);
process.send!({});

answerMessages<LoadRun | LoadKeep | { kind: "ports" }>((message) => {
  if (message.kind === "run") return run(message);
  if (message.kind === "keep") {
    for (const client of clients) if (!message.ports.includes(client.port)) client.close();
    clients = clients.filter((client) => message.ports.includes(client.port));
  }
  return { ports: clients.map((client) => client.port) } satisfies LoadPorts;
});

function run({ count, concurrency }: LoadRun): Promise<LoadResult> {
  return new Promise((resolve) => {
    const answers: Buffer[] = [];
    const latencies = new Float64Array(count);
    const firstNs = process.hrtime.bigint();
    let started = 0;
    let ended = 0;
    let failure: string | undefined;
    // A connection starts its next call when one of its calls ended, so the share of each connection follows the
    // speed of the process that serves it.
    const call = (client: UnaryClient): void => {
      if (started === count) return;
      started += 1;
      const startMs = performance.now();
      client.call((answer, reason) => {
        latencies[ended++] = performance.now() - startMs;
        if (answer !== undefined) answers.push(answer);
        else failure ??= reason;
        if (ended < count) return call(client);
        const lastNs = process.hrtime.bigint();
        const names = answers.map((bytes) => Job.decode(bytes).name);
        latencies.sort();
        const failures = count - answers.length;
        resolve({ firstNs, lastNs, names, failures, failure, latencyP99Ms: quantile(latencies, 0.99) });
      });
    };
    for (let index = 0; index < concurrency; index += 1) call(clients[index % clients.length]!);
  });
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
