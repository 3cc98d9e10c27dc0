/**
 * An OpenTelemetry collector in memory, for the tests and the demo: takes spans over OTLP/gRPC and OTLP/HTTP (protobuf),
 * decodes them with OpenTelemetry's own messages, and waits without polling.
 */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { ExportTraceServiceRequest } from "./gen/opentelemetry/proto/collector/trace/v1/trace_service.ts";
import { type CollectedSpan, decodeSpans } from "./spans.ts";
import { printTree } from "./span-tree.ts";

export type { CollectedSpan } from "./spans.ts";

export interface Collector {
  /** Of OTLP/gRPC: for OTEL_EXPORTER_OTLP_ENDPOINT with OTEL_EXPORTER_OTLP_PROTOCOL=grpc. */
  readonly endpoint: string;
  /** Of OTLP/HTTP, without `/v1/traces`: for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly httpEndpoint: string;
  /** All that came, in the order in which they came. The list grows. */
  spans(): readonly CollectedSpan[];
  /**
   * Resolves with all spans as soon as `predicate` is true of them. It is asked at once, and then after every export.
   * Rejects after `timeoutMs`, with the names of what did come.
   */
  waitFor(
    predicate: (spans: readonly CollectedSpan[]) => boolean,
    timeoutMs?: number,
  ): Promise<readonly CollectedSpan[]>;
  /** The trace for a person, see span-tree.ts. */
  tree(traceId: string): string;
  /** Metadata or headers of the last export. */
  lastHeaders(): Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

const identity = (bytes: Buffer): Buffer => bytes;

const traceService: ServiceDefinition = {
  export: {
    path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
};

/** Both listen on 127.0.0.1, on free ports where none is given. */
export async function startCollector(ports: { grpc?: number; http?: number } = {}): Promise<Collector> {
  const store = new SpanStore();
  const grpc = new Server({ "grpc.max_receive_message_length": -1 });
  grpc.addService(traceService, {
    export: (
      call: { request: Buffer; metadata: { getMap(): Record<string, unknown> } },
      answer: (error: null, bytes: Buffer) => void,
    ) => {
      store.take(call.request, call.metadata.getMap());
      answer(null, Buffer.alloc(0));
    },
  });
  const grpcPort = await promisify<string, ServerCredentials, number>(grpc.bindAsync.bind(grpc))(
    `127.0.0.1:${ports.grpc ?? 0}`,
    ServerCredentials.createInsecure(),
  );
  const http = createServer((request, response) => {
    takeOverHttp(store, request, response).catch((error: unknown) =>
      response.writeHead(400).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject).listen(ports.http ?? 0, "127.0.0.1", resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${grpcPort}`,
    httpEndpoint: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    spans: () => store.spans,
    waitFor: (predicate, timeoutMs = 10_000) => store.waitFor(predicate, timeoutMs),
    tree: (traceId) => printTree(store.spans, traceId),
    lastHeaders: () => store.lastHeaders,
    close: async () => {
      store.close();
      grpc.forceShutdown();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

async function takeOverHttp(
  store: SpanStore,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.method !== "POST" || request.url !== "/v1/traces") {
    response.writeHead(404).end();
  } else if (request.headers["content-type"] !== "application/x-protobuf") {
    response.writeHead(415).end();
  } else {
    const body = Buffer.concat(chunks);
    const bytes = request.headers["content-encoding"] === "gzip" ? await promisify(gunzip)(body) : body;
    store.take(bytes, request.headers);
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  }
}

interface Waiter {
  readonly predicate: (spans: readonly CollectedSpan[]) => boolean;
  readonly resolve: (spans: readonly CollectedSpan[]) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

class SpanStore {
  readonly spans: CollectedSpan[] = [];
  lastHeaders: Readonly<Record<string, unknown>> = {};
  readonly #waiters = new Set<Waiter>();

  take(bytes: Uint8Array, headers: Readonly<Record<string, unknown>>): void {
    for (const span of decodeSpans(ExportTraceServiceRequest.decode(bytes))) this.spans.push(span);
    this.lastHeaders = headers;
    for (const waiter of this.#waiters) {
      if (!waiter.predicate(this.spans)) continue;
      this.#leave(waiter);
      waiter.resolve(this.spans);
    }
  }

  async waitFor(
    predicate: (spans: readonly CollectedSpan[]) => boolean,
    timeoutMs: number,
  ): Promise<readonly CollectedSpan[]> {
    if (predicate(this.spans)) return this.spans;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#leave(waiter);
        reject(new Error(`not within ${timeoutMs} ms; ${this.#summary()}`));
      }, timeoutMs);
      const waiter: Waiter = { predicate, resolve, reject, timer };
      this.#waiters.add(waiter);
    });
  }

  close(): void {
    for (const waiter of this.#waiters) {
      this.#leave(waiter);
      waiter.reject(new Error(`the collector was closed; ${this.#summary()}`));
    }
  }

  #leave(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
  }

  #summary(): string {
    const names = [...new Set(this.spans.map((span) => span.name))];
    return `${this.spans.length} spans came: ${names.slice(0, 20).join(", ")}`;
  }
}
