import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { ROOT_CONTEXT, SpanKind, context, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { contextOf, traceOf } from "../../server/src/telemetry/carrier.ts";
import { createLogger } from "../../server/src/telemetry/log.ts";
import {
  endServerSpan,
  startEnqueueSpan,
  startServerSpan,
  tracer,
} from "../../server/src/telemetry/spans.ts";
import type { Tracing } from "../../server/src/telemetry/tracing.ts";
import type { Env } from "../../server/src/telemetry/tracing-settings.ts";
import { type CollectedSpan, type Collector, startCollector } from "../support/collector.ts";
import { makeSpans, startInto } from "./start.ts";

let collector: Collector;
beforeEach(async () => {
  collector = await startCollector();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await collector.close();
});

const start = async (
  env: Env,
  onProblem?: (message: string) => void,
  shutdownTimeoutMs?: number,
): Promise<Tracing> => startInto(collector, env, onProblem, shutdownTimeoutMs);

function named(name: string): CollectedSpan {
  return collector.spans().find((span) => span.name === name)!;
}

describe.each([
  ["grpc", () => collector.endpoint],
  ["http/protobuf", () => collector.httpEndpoint],
])("over %s", (protocol, endpoint) => {
  const over = (env: Env = {}): Env => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint(),
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    ...env,
  });

  it("a call, its hand-over and its attempt arrive as one trace, with their attributes", async () => {
    const tracing = await start(over());
    const call = startServerSpan(ROOT_CONTEXT, "fieldpost.v1.RelayService/Enqueue");
    const inCall = trace.setSpan(ROOT_CONTEXT, call);
    const send = startEnqueueSpan(inCall, "default", 3);
    const stored = contextOf(traceOf(trace.setSpan(inCall, send)));
    send.end();
    endServerSpan(call, "OK");
    const links = [{ context: trace.getSpanContext(stored)! }];
    tracer().startSpan("process default", { kind: SpanKind.CONSUMER, links }, stored).end();
    await tracing.shutdown();

    const [server, producer, consumer] = [
      named("fieldpost.v1.RelayService/Enqueue"),
      named("send default"),
      named("process default"),
    ];
    expect(server).toMatchObject({
      parentSpanId: "",
      kind: "server",
      service: "fieldpost",
      scope: "fieldpost",
      attributes: { "rpc.system.name": "grpc", "rpc.method": server.name, "rpc.status_code": "OK" },
      status: { code: "unset", message: "" },
    });
    expect(producer).toMatchObject({
      traceId: server.traceId,
      parentSpanId: server.spanId,
      kind: "producer",
      attributes: {
        "messaging.system.name": "fieldpost",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "default",
        "messaging.batch.message_count": 3,
      },
    });
    expect(consumer).toMatchObject({
      traceId: server.traceId,
      parentSpanId: producer.spanId,
      kind: "consumer",
    });
    expect(consumer.links).toEqual([{ traceId: server.traceId, spanId: producer.spanId, attributes: {} }]);
    expect(tracing.counts()).toEqual({ exported: 3, dropped: 0, failed: 0 });
  });

  it("20,000 spans made in one turn all arrive", async () => {
    const tracing = await start(over(), undefined, 20_000);
    makeSpans(20_000);
    await tracing.shutdown();
    expect(new Set(collector.spans().map((span) => span.spanId)).size).toBe(20_000);
    expect(tracing.counts()).toEqual({ exported: 20_000, dropped: 0, failed: 0 });
  });

  it("shutdown sends more batches at once than the exporter usually takes", async () => {
    const tracing = await start(
      over({ OTEL_BSP_MAX_QUEUE_SIZE: "4096", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "16" }),
    );
    makeSpans(2_000);
    await tracing.shutdown();
    expect(tracing.counts()).toEqual({ exported: 2_000, dropped: 0, failed: 0 });
    expect(collector.spans()).toHaveLength(2_000);
  });

  it("spans are sent on time without a shutdown", async () => {
    await start(over({ OTEL_BSP_SCHEDULE_DELAY: "1" }));
    makeSpans(3);
    expect(await collector.waitFor((spans) => spans.length === 3)).toHaveLength(3);
  });

  it("headers and compression come from their variables", async () => {
    vi.stubEnv("OTEL_EXPORTER_OTLP_HEADERS", "x-sentry-auth=sentry sentry_key%3Dabc");
    vi.stubEnv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    const tracing = await start(over());
    makeSpans(100);
    await tracing.shutdown();
    expect(collector.spans()).toHaveLength(100);
    expect(collector.lastHeaders()["x-sentry-auth"]).toBe("sentry sentry_key=abc");
  });

  it("shutdown with the collector gone ends soon, without an error but not in silence", async () => {
    const problems: string[] = [];
    const tracing = await start(over(), (problem) => void problems.push(problem), 500);
    await collector.close();
    makeSpans(5_000);
    const begin = performance.now();
    await tracing.shutdown();
    expect(performance.now() - begin).toBeLessThan(3_000);
    expect(problems[0]).toMatch(/^spans not exported: /);
    expect(tracing.counts().exported).toBe(0);
  });

  it("shutdown does not wait for a collector that never answers", async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => {
      sockets.add(socket.on("error", () => {}).resume());
    });
    await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const problems: string[] = [];
    const { port } = silent.address() as AddressInfo;
    const env = over({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
    const tracing = await start(env, (problem) => void problems.push(problem), 100);
    makeSpans(10);
    await tracing.shutdown();
    expect(problems).toEqual(["spans not exported: the collector did not answer in 100 ms"]);
  });
});

describe("starting", () => {
  it.each<[string, Env]>([
    ["OTEL_SDK_DISABLED", { OTEL_SDK_DISABLED: "true" }],
    ["OTEL_TRACES_EXPORTER=none", { OTEL_TRACES_EXPORTER: "none" }],
    ["an endpoint that is none", { OTEL_EXPORTER_OTLP_ENDPOINT: "::::" }],
  ])("is off with %s", async (_what, env) => {
    const tracing = await start(env);
    expect(tracing.enabled).toBe(false);
    expect(startEnqueueSpan(ROOT_CONTEXT, "q").isRecording()).toBe(false);
    expect(tracing.counts()).toEqual({ exported: 0, dropped: 0, failed: 0 });
  });

  it("passes on what the exporter says about its variables", async () => {
    vi.stubEnv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon");
    const tracing = await start({ OTEL_PROPAGATORS: "b3", OTEL_TRACES_SAMPLER: "xray" });
    expect(tracing.enabled).toBe(true);
    expect(tracing.warnings).toEqual([
      expect.stringContaining('OTEL_PROPAGATORS: "b3"'),
      expect.stringContaining('OTEL_TRACES_SAMPLER: "xray"'),
      expect.stringContaining("OTEL_EXPORTER_OTLP_TIMEOUT"),
    ]);
  });

  it("works again after a shutdown, and a late shutdown of the first leaves the second alone", async () => {
    const first = await start({});
    const second = await start({ OTEL_SERVICE_NAME: "second" });
    await first.shutdown();
    makeSpans(1);
    await second.shutdown();
    expect(collector.spans().map((span) => span.service)).toEqual(["second"]);
    expect(startEnqueueSpan(ROOT_CONTEXT, "q").isRecording()).toBe(false);
  });

  it("gives the log the ids of the active span", async () => {
    await start({});
    const lines: string[] = [];
    const log = createLogger({
      level: "info",
      name: "x",
      destination: { write: (line) => void lines.push(line) },
    });
    const span = startEnqueueSpan(ROOT_CONTEXT, "q");
    await context.with(trace.setSpan(ROOT_CONTEXT, span), async () => {
      await Promise.resolve();
      log.info("here");
    });
    expect(JSON.parse(lines[0]!)).toMatchObject({
      trace_id: span.spanContext().traceId,
      span_id: span.spanContext().spanId,
    });
  });
});

describe("lost spans", () => {
  it("that did not fit into the queue are counted", async () => {
    const tracing = await start({ OTEL_BSP_MAX_QUEUE_SIZE: "10" });
    makeSpans(100);
    await tracing.shutdown();
    const { exported, dropped, failed } = tracing.counts();
    expect(dropped).toBeGreaterThan(50);
    expect(exported).toBe(collector.spans().length);
    expect(exported + dropped + failed).toBe(100);
  });

  it("that the collector refused are counted, and told once", async () => {
    const { promise: told, resolve } = Promise.withResolvers<string>();
    const problems: string[] = [];
    let requests = 0;
    const { promise: second, resolve: secondCame } = Promise.withResolvers<void>();
    const refusing = createHttpServer((request, response) => {
      requests += 1;
      if (requests === 2) secondCame();
      request.resume().on("end", () => response.writeHead(401).end());
    });
    await new Promise<void>((listening) => refusing.listen(0, "127.0.0.1", listening));
    onTestFinished(() => refusing.close().closeAllConnections());
    const tracing = await start(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
        OTEL_BSP_SCHEDULE_DELAY: "0",
      },
      (problem) => {
        problems.push(problem);
        resolve(problem);
      },
    );
    makeSpans(7);
    expect(await told).toMatch(/^spans not exported: .*Unauthorized/);
    makeSpans(1);
    await second;
    await tracing.shutdown();
    expect(tracing.counts()).toEqual({ exported: 0, dropped: 0, failed: 8 });
    expect(problems).toHaveLength(1);
  });
});
