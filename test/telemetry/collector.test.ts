import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Collector, startCollector } from "../support/collector.ts";
import { ExportTraceServiceRequest } from "../support/gen/opentelemetry/proto/collector/trace/v1/trace_service.ts";
import type { AnyValue } from "../support/gen/opentelemetry/proto/common/v1/common.ts";
import { Span, Span_SpanKind, Status_StatusCode } from "../support/gen/opentelemetry/proto/trace/v1/trace.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const otherTraceId = "5cd92f3577b34da6a3ce929d0e0e4736";
const millisecond = 1_000_000n;

let collector: Collector;
beforeEach(async () => {
  collector = await startCollector();
});
afterEach(() => collector.close());

interface TestSpan {
  readonly trace?: string;
  readonly id: number;
  readonly parent?: number;
  readonly name: string;
  readonly kind?: Span_SpanKind;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly attributes?: Record<string, AnyValue["value"]>;
  readonly link?: number;
  readonly error?: string;
}

function idOf(number: number): Buffer {
  const id = Buffer.alloc(8);
  id.writeUInt32BE(number, 4);
  return id;
}

function exportOf(service: string, spans: readonly TestSpan[]): Uint8Array {
  const request = ExportTraceServiceRequest.create({
    resourceSpans: [
      {
        resource: {
          attributes: [
            { key: "service.name", value: { value: { $case: "stringValue", stringValue: service } } },
          ],
        },
        scopeSpans: [{ scope: { name: "test" }, spans: spans.map(messageOf) }],
      },
    ],
  });
  return ExportTraceServiceRequest.encode(request).finish();
}

function messageOf(span: TestSpan): Span {
  return Span.create({
    traceId: Buffer.from(span.trace ?? traceId, "hex"),
    spanId: idOf(span.id),
    ...(span.parent === undefined ? {} : { parentSpanId: idOf(span.parent) }),
    name: span.name,
    kind: span.kind ?? Span_SpanKind.SPAN_KIND_INTERNAL,
    startTimeUnixNano: BigInt(span.startMs ?? 0) * millisecond,
    endTimeUnixNano: BigInt(span.endMs ?? 0) * millisecond,
    attributes: Object.entries(span.attributes ?? {}).map(([key, value]) => ({ key, value: { value } })),
    links: span.link === undefined ? [] : [{ traceId: Buffer.from(traceId, "hex"), spanId: idOf(span.link) }],
    ...(span.error === undefined
      ? {}
      : { status: { code: Status_StatusCode.STATUS_CODE_ERROR, message: span.error } }),
  });
}

async function post(
  bytes: Uint8Array,
  headers: Record<string, string> = {},
  path = "/v1/traces",
): Promise<number> {
  const response = await fetch(`${collector.httpEndpoint}${path}`, {
    method: "POST",
    body: Buffer.from(bytes),
    headers: { "content-type": "application/x-protobuf", ...headers },
  });
  await response.arrayBuffer();
  return response.status;
}

const text = (stringValue: string): AnyValue["value"] => ({ $case: "stringValue", stringValue });
const whole = (value: number): AnyValue["value"] => ({ $case: "intValue", intValue: BigInt(value) });

describe("the tree of a trace", () => {
  it("shows service, name, kind, duration, key attributes, links and errors, children in the order of their start", async () => {
    await post(
      exportOf("fieldpost", [
        {
          id: 5,
          parent: 4,
          name: "POST",
          kind: Span_SpanKind.SPAN_KIND_CLIENT,
          startMs: 7,
          endMs: 9,
          error: "HTTP 503",
        },
        {
          id: 4,
          parent: 3,
          name: "process default",
          kind: Span_SpanKind.SPAN_KIND_CONSUMER,
          startMs: 6,
          endMs: 9,
          attributes: { "fieldpost.attempt": whole(1), "not.shown": whole(1) },
          link: 3,
        },
        {
          id: 3,
          parent: 2,
          name: "send default",
          kind: Span_SpanKind.SPAN_KIND_PRODUCER,
          startMs: 3,
          endMs: 5,
        },
        { id: 6, parent: 2, name: "check", startMs: 2, endMs: 3 },
        {
          id: 2,
          parent: 1,
          name: "RelayService/Enqueue",
          kind: Span_SpanKind.SPAN_KIND_SERVER,
          startMs: 2,
          endMs: 6,
          attributes: { "rpc.status_code": text("OK") },
        },
      ]),
    );
    await post(exportOf("shop", [{ id: 1, name: "checkout", startMs: 1, endMs: 7 }]));
    expect(collector.tree(traceId)).toBe(
      [
        `trace ${traceId}`,
        "shop  checkout  internal  6.0 ms",
        "└─ fieldpost  RelayService/Enqueue  server  4.0 ms  rpc.status_code=OK",
        "   ├─ fieldpost  check  internal  1.0 ms",
        "   └─ fieldpost  send default  producer  2.0 ms",
        "      └─ fieldpost  process default  consumer  3.0 ms  fieldpost.attempt=1  link to 0000000000000003",
        "         └─ fieldpost  POST  client  2.0 ms  ERROR HTTP 503",
      ].join("\n"),
    );
  });

  it("hangs a linked span of another trace below the span that it links to", async () => {
    await post(
      exportOf("fieldpost", [
        { id: 1, name: "send default", startMs: 1, endMs: 2 },
        { id: 9, parent: 1, name: "store", startMs: 1, endMs: 2 },
        { trace: otherTraceId, id: 2, name: "process default", startMs: 3, endMs: 5, link: 1 },
        { trace: otherTraceId, id: 3, parent: 2, name: "POST", startMs: 3, endMs: 4 },
      ]),
    );
    expect(collector.tree(traceId)).toBe(
      [
        `trace ${traceId}`,
        "fieldpost  send default  internal  1.0 ms",
        "├─ fieldpost  store  internal  1.0 ms",
        `╰╌> fieldpost  process default  internal  2.0 ms  trace ${otherTraceId}  link to 0000000000000001`,
        "    └─ fieldpost  POST  internal  1.0 ms",
      ].join("\n"),
    );
  });

  it("shows a span whose parent did not come as a root, survives a circle, and says when there is nothing", async () => {
    await post(
      exportOf("a", [
        { id: 2, parent: 1, name: "orphan" },
        { id: 3, parent: 3, name: "its own parent" },
      ]),
    );
    expect(collector.tree(traceId)).toBe(`trace ${traceId}\na  orphan  internal  0.0 ms`);
    expect(collector.tree(otherTraceId)).toBe(`trace ${otherTraceId}: no spans`);
  });
});

describe("receiving", () => {
  it("decodes every kind of attribute", async () => {
    await post(
      exportOf("a", [
        {
          id: 1,
          name: "x",
          attributes: {
            text: text("t"),
            whole: whole(-7),
            yes: { $case: "boolValue", boolValue: true },
            half: { $case: "doubleValue", doubleValue: 0.5 },
            list: {
              $case: "arrayValue",
              arrayValue: { values: [{ value: text("a") }, { value: whole(2) }] },
            },
          },
        },
      ]),
    );
    expect(collector.spans()[0]?.attributes).toEqual({
      text: "t",
      whole: -7,
      yes: true,
      half: 0.5,
      list: ["a", 2],
    });
  });

  it("takes gzip, and refuses what is not OTLP", async () => {
    expect(
      await post(await promisify(gzip)(exportOf("a", [{ id: 1, name: "x" }])), {
        "content-encoding": "gzip",
      }),
    ).toBe(200);
    expect(await post(Buffer.from("{}"), { "content-type": "application/json" })).toBe(415);
    expect(await post(Buffer.from([255, 255, 255]))).toBe(400);
    expect(await post(Buffer.alloc(0), {}, "/v1/metrics")).toBe(404);
    expect(collector.spans()).toHaveLength(1);
  });

  it("holds 100,000 spans", async () => {
    const attributes = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`attribute.${index}`, text("a value")]),
    );
    const spans = Array.from({ length: 2_000 }, (_, index) => ({ id: index + 1, name: "x", attributes }));
    const bytes = exportOf("a", spans);
    const before = process.memoryUsage().heapUsed;
    for (let batch = 0; batch < 50; batch++) await post(bytes);
    expect(collector.spans()).toHaveLength(100_000);
    const megabytes = (process.memoryUsage().heapUsed - before) / 1e6;
    const begin = performance.now();
    expect(collector.tree(traceId).split("\n")).toHaveLength(2_001);
    console.log(
      `100,000 spans: ${megabytes.toFixed(0)} MB, tree in ${(performance.now() - begin).toFixed(0)} ms`,
    );
  });
});

describe("waiting", () => {
  it("ends with the export that makes it true", async () => {
    const waiting = collector.waitFor((spans) => spans.length === 2);
    await post(exportOf("a", [{ id: 1, name: "x" }]));
    await post(exportOf("a", [{ id: 2, name: "y" }]));
    expect((await waiting).map((span) => span.name)).toEqual(["x", "y"]);
    await collector.waitFor((spans) => spans.length === 2, 0);
  });

  it("ends after its time, and says what came instead", async () => {
    await post(exportOf("a", [{ id: 1, name: "x" }]));
    await expect(collector.waitFor(() => false, 1)).rejects.toThrow("not within 1 ms; 1 spans came: x");
  });

  it("ends when the collector is closed", async () => {
    const waiting = collector.waitFor(() => false).catch(String);
    await collector.close();
    expect(await waiting).toBe("Error: the collector was closed; 0 spans came: ");
  });
});
