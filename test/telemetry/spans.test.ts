import { type Context, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contextOf, traceOf } from "../../server/src/telemetry/carrier.ts";
import {
  endHttpServerSpan,
  endServerSpan,
  startEnqueueSpan,
  startHttpServerSpan,
  startServerSpan,
} from "../../server/src/telemetry/spans.ts";
import { type CollectedSpan, type Collector, startCollector } from "../support/collector.ts";
import { makeSpans, startInto } from "./start.ts";

let collector: Collector;
beforeEach(async () => {
  collector = await startCollector();
});
afterEach(() => collector.close());

function named(name: string): CollectedSpan {
  return collector.spans().find((span) => span.name === name)!;
}

describe("the resource", () => {
  it("names the service, its version and process", async () => {
    const tracing = await startInto(collector, {});
    makeSpans(1);
    await tracing.shutdown();
    expect(collector.spans()[0]!.resource).toMatchObject({
      "service.name": "fieldpost",
      "service.version": "1.2.3",
      "service.instance.id": "worker-0",
      "process.pid": process.pid,
      "host.name": expect.any(String) as unknown,
      "telemetry.sdk.language": "nodejs",
    });
  });

  it("is overridden by the variables, OTEL_SERVICE_NAME first", async () => {
    const tracing = await startInto(collector, {
      OTEL_RESOURCE_ATTRIBUTES: "service.name=no,service.version=9,team=post%20office",
      OTEL_SERVICE_NAME: "relay-eu",
    });
    makeSpans(1);
    await tracing.shutdown();
    expect(collector.spans()[0]).toMatchObject({
      service: "relay-eu",
      resource: { "service.version": "9", team: "post office", "service.instance.id": "worker-0" },
    });
  });
});

function parent(flags: string): Context {
  return contextOf({ traceparent: `00-${"4b".repeat(16)}-${"0f".repeat(8)}-${flags}`, tracestate: "a=1" });
}

function recording(from: Context): boolean {
  return startEnqueueSpan(from, "q").isRecording();
}

describe("the sampler", () => {
  it.each<[string, string | undefined, { root: boolean; sampled: boolean; unsampled: boolean }]>([
    ["always_on", undefined, { root: true, sampled: true, unsampled: true }],
    ["always_off", undefined, { root: false, sampled: false, unsampled: false }],
    ["traceidratio", "0", { root: false, sampled: false, unsampled: false }],
    ["traceidratio", "1", { root: true, sampled: true, unsampled: true }],
    ["parentbased_always_on", undefined, { root: true, sampled: true, unsampled: false }],
    ["parentbased_always_off", undefined, { root: false, sampled: true, unsampled: false }],
    ["parentbased_traceidratio", "0", { root: false, sampled: true, unsampled: false }],
    ["no such sampler", undefined, { root: true, sampled: true, unsampled: false }],
  ])("%s with the argument %s", async (name, argument, expected) => {
    await startInto(collector, { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument });
    expect({
      root: recording(ROOT_CONTEXT),
      sampled: recording(parent("01")),
      unsampled: recording(parent("00")),
    }).toEqual(expected);
  });

  it("that says no still hands the trace on, as not sampled", async () => {
    await startInto(collector, {});
    const from = parent("00");
    const stored = traceOf(trace.setSpan(from, startEnqueueSpan(from, "q")));
    expect(stored.traceparent).toMatch(new RegExp(`^00-${"4b".repeat(16)}-[0-9a-f]{16}-00$`));
    expect(stored.traceparent).not.toContain("0f".repeat(8));
    expect(stored.tracestate).toBe("a=1");
  });
});

async function ended(end: (span: { rpc: Span; http: Span }) => void): Promise<void> {
  const tracing = await startInto(collector, {});
  end({
    rpc: startServerSpan(ROOT_CONTEXT, "S/M"),
    http: startHttpServerSpan(ROOT_CONTEXT, "POST", "/v1/jobs"),
  });
  await tracing.shutdown();
}

describe("how a span fails", () => {
  it("is an error where the server is at fault, with no secret in its message", async () => {
    await ended(({ rpc, http }) => {
      endServerSpan(rpc, "INTERNAL", "bad: Bearer hunter2hunter2");
      endHttpServerSpan(http, 503, "full");
    });
    expect(named("S/M")).toMatchObject({
      attributes: { "rpc.status_code": "INTERNAL", "error.type": "INTERNAL" },
      status: { code: "error", message: "bad: Bearer [redacted]" },
    });
    expect(named("POST /v1/jobs")).toMatchObject({
      attributes: { "http.response.status_code": 503, "http.route": "/v1/jobs", "error.type": "503" },
      status: { code: "error", message: "full" },
    });
  });

  it("is no error where the caller is", async () => {
    await ended(({ rpc, http }) => {
      endServerSpan(rpc, "NOT_FOUND", "jobs/x");
      endHttpServerSpan(http, 404);
    });
    expect(collector.spans().map(({ status }) => status.code)).toEqual(["unset", "unset"]);
    expect(named("S/M").attributes["rpc.status_code"]).toBe("NOT_FOUND");
  });
});
