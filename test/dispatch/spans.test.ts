/** What an attempt looks like in a trace, and what of it the target sees. */
import { SpanKind, SpanStatusCode, context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach, expect, test } from "vitest";
import { headerLines, makeJob, ok, refusedPort, startDispatcher, startScriptedTarget } from "./support.ts";

const exporter = new InMemorySpanExporter();
let decision = SamplingDecision.RECORD_AND_SAMPLED;
const sampler: Sampler = { shouldSample: () => ({ decision }), toString: () => "as the test decides" };

beforeEach(() => {
  decision = SamplingDecision.RECORD_AND_SAMPLED;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const spanProcessors = [new SimpleSpanProcessor({ exporter })];
  trace.setGlobalTracerProvider(new TracerProvider({ sampler, spanProcessors }));
});

afterEach(() => {
  exporter.reset();
  context.disable();
  propagation.disable();
  trace.disable();
});

const traceId = "0af7651916cd43dd8448eb211c80319c";
const stored = { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: "vendor=1" };

function finishedSpans(): { process: ReadableSpan; request: ReadableSpan } {
  const spans = exporter.getFinishedSpans();
  expect(spans).toHaveLength(2);
  return {
    process: spans.find(({ kind }) => kind === SpanKind.CONSUMER)!,
    request: spans.find(({ kind }) => kind === SpanKind.CLIENT)!,
  };
}

function traceHeaders(request: string): string[] {
  return headerLines(request).filter((line) => /^(?:traceparent|tracestate|uber-trace-id)/i.test(line));
}

test("one trace goes from the enqueuing span over the process span and the request to the target", async () => {
  const target = await startScriptedTarget(() => ok);
  await startDispatcher().send(makeJob({ url: target.url }, { trace: stored, queue: "mails" }));
  const { process, request } = finishedSpans();
  expect([process.name, request.name]).toEqual(["process mails", "GET"]);
  expect(process.spanContext().traceId).toBe(traceId);
  expect(process.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
  expect(process.links.map((link) => link.context.spanId)).toEqual(["b7ad6b7169203331"]);
  expect(request.parentSpanContext?.spanId).toBe(process.spanContext().spanId);
  expect(traceHeaders(target.requests[0]!)).toEqual([
    `traceparent: 00-${traceId}-${request.spanContext().spanId}-01`,
    "tracestate: vendor=1",
  ]);
});

test("without a stored context a new trace begins", async () => {
  const target = await startScriptedTarget(() => ok);
  await startDispatcher().send(makeJob({ url: target.url }));
  const { process, request } = finishedSpans();
  expect([process.parentSpanContext, process.links]).toEqual([undefined, []]);
  const { traceId, spanId } = request.spanContext();
  expect(traceHeaders(target.requests[0]!)).toEqual([`traceparent: 00-${traceId}-${spanId}-01`]);
});

test("the span that is active where send is called is not the parent", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher();
  await trace
    .getTracer("test")
    .startActiveSpan("claim", () => dispatcher.send(makeJob({ url: target.url }, { trace: stored })));
  expect(finishedSpans().process.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
});

test("the caller's own trace headers are replaced by ours", async () => {
  const target = await startScriptedTarget(() => ok);
  const headers = ["traceparent", "TraceState", "Uber-Trace-Id"].map((name) => ({ name, value: "caller" }));
  await startDispatcher().send(makeJob({ url: target.url, headers }));
  const { spanId } = finishedSpans().request.spanContext();
  expect(traceHeaders(target.requests[0]!).map((line) => line.split("-")[2])).toEqual([spanId]);
});

test("the spans of a success say what was sent where, without secrets", async () => {
  const target = await startScriptedTarget(() => ok);
  const url = `${target.url}a/b?key=secret&secret`;
  const job = makeJob({ url, method: "POST" }, { attempt: 3, queue: "mails" });
  await startDispatcher().send(job);
  const { process, request } = finishedSpans();
  expect(process.attributes).toEqual({
    "messaging.system.name": "fieldpost",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "mails",
    "messaging.message.id": job.uid,
    "fieldpost.attempt": 3,
    "fieldpost.result": "succeeded",
  });
  expect(request.attributes).toEqual({
    "http.request.method": "POST",
    "http.request.resend_count": 2,
    "http.response.status_code": 200,
    "server.address": "127.0.0.1",
    "server.port": target.port,
    "url.full": `${target.url}a/b?key=REDACTED&REDACTED`,
  });
  expect([process.status.code, request.status.code]).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
});

test("a failure by status is an error of both spans", async () => {
  const target = await startScriptedTarget(() => "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
  await startDispatcher().send(makeJob({ url: target.url }));
  const { process, request } = finishedSpans();
  expect(request.attributes).toMatchObject({ "http.response.status_code": 503, "error.type": "503" });
  expect(request.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(process.attributes["error.type"]).toBe("STATUS_RETRYABLE");
  expect(process.status).toEqual({
    code: SpanStatusCode.ERROR,
    message: "the target answered 503 Service Unavailable",
  });
});

test.each(["refused", "unsendable", "cancelled"])(
  "a %s attempt ends both spans with an error",
  async (how) => {
    const dispatcher = startDispatcher();
    const url = how === "unsendable" ? "gopher://127.0.0.1/" : `http://127.0.0.1:${await refusedPort()}/`;
    const job = makeJob({ url });
    const sending = dispatcher.send(job);
    if (how === "cancelled") dispatcher.abort(job.key, job.attempt);
    const { error } = await sending;
    const { process, request } = finishedSpans();
    for (const span of [process, request]) {
      expect(span.attributes["error.type"]).toBe(error!.reason);
      expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: error!.message });
    }
    expect(request.attributes["http.response.status_code"]).toBeUndefined();
  },
);

test("an attempt that is not sampled is not recorded, and the target is told so", async () => {
  decision = SamplingDecision.NOT_RECORD;
  const target = await startScriptedTarget(() => ok);
  await startDispatcher().send(makeJob({ url: target.url }, { trace: stored }));
  expect(exporter.getFinishedSpans()).toEqual([]);
  expect(traceHeaders(target.requests[0]!)[0]).toMatch(
    new RegExp(`^traceparent: 00-${traceId}-[0-9a-f]{16}-00$`),
  );
});

test.each(["none", "a propagator, no SDK"])(
  "without an SDK (%s) the stored context goes on unchanged",
  async (what) => {
    trace.disable();
    if (what === "none") propagation.disable();
    const target = await startScriptedTarget(() => ok);
    const dispatcher = startDispatcher();
    const headers = [{ name: "traceparent", value: "caller" }];
    await dispatcher.send(makeJob({ url: target.url, headers }, { trace: stored }));
    await dispatcher.send(makeJob({ url: target.url, headers }));
    expect(target.requests.map(traceHeaders)).toEqual([
      [`traceparent: ${stored.traceparent}`, "tracestate: vendor=1"],
      [],
    ]);
  },
);
