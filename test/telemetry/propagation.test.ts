import {
  type Context,
  ROOT_CONTEXT,
  TraceFlags,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  trace,
} from "@opentelemetry/api";
import { type Arbitrary, assert, constantFrom, property, stringMatching } from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contextOf, extractTrace, noTrace, traceOf } from "../../server/src/telemetry/carrier.ts";
import { createPropagator } from "../../server/src/telemetry/propagation.ts";
import { startEnqueueSpan, startServerSpan } from "../../server/src/telemetry/spans.ts";
import { type Tracing, startTracing } from "../../server/src/telemetry/tracing.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";
const service = { name: "test", version: "0", instanceId: "0" };

type Headers = Readonly<Record<string, string>>;

function extract(headers: Headers, list?: string): Context {
  return createPropagator(list).propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
}

function inject(context: Context, list?: string): Record<string, string> {
  const headers: Record<string, string> = {};
  createPropagator(list).propagator.inject(context, headers, defaultTextMapSetter);
  return headers;
}

const padded = (id: string): string => id.padStart(32, "0");

/** Ids of `digits` digits, none of them zero altogether. */
const hex = (digits: number): Arbitrary<string> =>
  stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((id) => !/^0+$/.test(id));

/** What a job would keep of these headers. */
function kept(headers: Headers, list?: string): string {
  return traceOf(extract(headers, list)).traceparent;
}

describe("traceparent", () => {
  it.each([
    ["a sampled context", `00-${traceId}-${spanId}-01`, `00-${traceId}-${spanId}-01`],
    ["a context that is not sampled", `00-${traceId}-${spanId}-00`, `00-${traceId}-${spanId}-00`],
    ["flags of level 2", `00-${traceId}-${spanId}-03`, `00-${traceId}-${spanId}-03`],
    ["flags nobody knows", `00-${traceId}-${spanId}-ff`, `00-${traceId}-${spanId}-ff`],
    ["blanks around it", ` 00-${traceId}-${spanId}-01 `, `00-${traceId}-${spanId}-01`],
    [
      "a later version, of which one flag is known",
      `cc-${traceId}-${spanId}-0b`,
      `00-${traceId}-${spanId}-01`,
    ],
    ["a later version with more parts", `cc-${traceId}-${spanId}-01-what-ever`, `00-${traceId}-${spanId}-01`],
  ])("takes %s", (_what, header, expected) => {
    expect(kept({ traceparent: header })).toBe(expected);
  });

  it.each([
    ["nothing", ""],
    ["version ff", `ff-${traceId}-${spanId}-01`],
    ["version 00 with more parts", `00-${traceId}-${spanId}-01-more`],
    ["a zero trace id", `00-${"0".repeat(32)}-${spanId}-01`],
    ["a zero span id", `00-${traceId}-${"0".repeat(16)}-01`],
    ["upper case", `00-${traceId.toUpperCase()}-${spanId}-01`],
    ["a short trace id", `00-${traceId.slice(1)}-${spanId}-01`],
    ["a long span id", `00-${traceId}-${spanId}0-01`],
    ["letters that are not hex", `00-${traceId.replace("4", "g")}-${spanId}-01`],
    ["one flag digit", `00-${traceId}-${spanId}-1`],
    ["two of them", `00-${traceId}-${spanId}-01,00-${traceId}-${spanId}-01`],
    ["anything", "hello"],
  ])("ignores %s", (_what, header) => {
    expect(kept({ traceparent: header })).toBe("");
  });
});

describe("tracestate", () => {
  const traceparent = `00-${traceId}-${spanId}-01`;
  const stateOf = (tracestate: string): string => traceOf(extract({ traceparent, tracestate })).tracestate;

  it("is kept letter for letter", () => {
    for (const state of [
      "rojo=1,congo=t61rcWkgMzE",
      "a=1, b=2 ,c=3",
      "not well formed at all",
      "fw529a3039@dt=F;x:y",
    ]) {
      expect(stateOf(state)).toBe(state);
    }
  });

  it("is ignored without a valid traceparent", () => {
    expect(traceOf(extract({ tracestate: "rojo=1" }))).toBe(noTrace);
    expect(traceOf(extract({ tracestate: "rojo=1", traceparent: "hello" }))).toBe(noTrace);
  });

  it("is ignored where it could not be sent on as a header", () => {
    expect(stateOf("rojo=1\r\nx-evil: 1")).toBe("");
    expect(stateOf("rojo=\u00fc")).toBe("");
  });

  it("is cut to 512 characters, by whole members and the long ones first", () => {
    const long = `long=${"x".repeat(200)}`;
    const members = Array.from({ length: 80 }, (_, index) => `m${index}=12345`);
    const cut = stateOf([long, ...members].join(","));
    expect(cut.length).toBeLessThanOrEqual(512);
    expect(cut.length).toBeGreaterThan(490);
    expect(cut.split(",")).toEqual(members.slice(0, cut.split(",").length));
  });

  it("can be read and changed by a sampler", () => {
    const state = trace.getSpanContext(extract({ traceparent, tracestate: "a=1, b=2" }))!.traceState!;
    expect(state.get("b")).toBe("2");
    expect(state.set("c", "3").serialize()).toBe("c=3,a=1,b=2");
    expect(state.unset("a").serialize()).toBe("b=2");
  });
});

describe("uber-trace-id", () => {
  it.each([
    ["128-bit ids", `${traceId}:${spanId}:0:1`, `00-${traceId}-${spanId}-01`],
    ["64-bit ids", `a3ce929d0e0e4736:${spanId}:0:1`, `00-${padded("a3ce929d0e0e4736")}-${spanId}-01`],
    ["ids without their leading zeros", "abc123:def:0:1", `00-${padded("abc123")}-0000000000000def-01`],
    ["a span that is not sampled", `${traceId}:${spanId}:0:0`, `00-${traceId}-${spanId}-00`],
    ["debug, which is sampled", `${traceId}:${spanId}:0:2`, `00-${traceId}-${spanId}-01`],
    ["debug and sampled", `${traceId}:${spanId}:0:03`, `00-${traceId}-${spanId}-01`],
    ["a firehose span, which is not sampled", `${traceId}:${spanId}:0:8`, `00-${traceId}-${spanId}-00`],
    ["a parent span id", `${traceId}:${spanId}:${spanId}:1`, `00-${traceId}-${spanId}-01`],
    ["no parent span id", `${traceId}:${spanId}::1`, `00-${traceId}-${spanId}-01`],
    ["upper case", `ABC123:DEF:0:1`, `00-${padded("abc123")}-0000000000000def-01`],
    ["the colons encoded", `${traceId}%3A${spanId}%3a0%3A1`, `00-${traceId}-${spanId}-01`],
  ])("takes %s", (_what, header, expected) => {
    expect(kept({ "uber-trace-id": header })).toBe(expected);
  });

  it.each([
    ["nothing", ""],
    ["a part too few", `${traceId}:${spanId}:1`],
    ["a part too many", `${traceId}:${spanId}:0:1:1`],
    ["a zero trace id", `0:${spanId}:0:1`],
    ["a zero span id", `${traceId}:0:0:1`],
    ["a trace id of 33 digits", `${traceId}0:${spanId}:0:1`],
    ["letters that are not hex", `xyz:${spanId}:0:1`],
    ["broken encoding", `${traceId}%3${spanId}%zz0:1`],
  ])("ignores %s", (_what, header) => {
    expect(kept({ "uber-trace-id": header })).toBe("");
  });
});

describe("both forms at once", () => {
  const w3c = `00-${traceId}-${spanId}-00`;
  const both = { traceparent: w3c, "uber-trace-id": "abc:def:0:1" };

  it.each([undefined, "tracecontext,jaeger", "jaeger,tracecontext"])(
    "W3C wins with OTEL_PROPAGATORS=%s",
    (list) => {
      expect(kept(both, list)).toBe(w3c);
    },
  );

  it("Jaeger's is used where the W3C one is malformed, or not asked for", () => {
    const uber = `00-${"abc".padStart(32, "0")}-0000000000000def-01`;
    expect(kept({ ...both, traceparent: "hello" })).toBe(uber);
    expect(kept(both, "jaeger")).toBe(uber);
  });

  it("both go out, with the same ids", () => {
    expect(inject(extract({ ...both, tracestate: "a=1" }))).toEqual({
      traceparent: w3c,
      tracestate: "a=1",
      "uber-trace-id": `${traceId}:${spanId}:0:0`,
    });
  });

  it("nothing goes out where nothing came in", () => {
    expect(inject(ROOT_CONTEXT)).toEqual({});
  });
});

describe("baggage", () => {
  it("survives the way in and out with its encoding and metadata", () => {
    const header = "user=Am%C3%A9lie,region=eu;ttl=5";
    expect(inject(extract({ baggage: header })).baggage).toBe(header);
  });

  it("drops members that are malformed and keeps the rest", () => {
    const entries = propagation.getBaggage(extract({ baggage: "=x,a,b=,c=%zz,d=4" }))?.getAllEntries();
    expect(entries?.map(([key, { value }]) => [key, value])).toEqual([["d", "4"]]);
  });

  it("is ignored beyond 8192 bytes", () => {
    expect(propagation.getBaggage(extract({ baggage: `a=${"x".repeat(8192)}` }))).toBeUndefined();
  });
});

describe("OTEL_PROPAGATORS", () => {
  it("is tracecontext, baggage and jaeger where it is unset or empty", () => {
    for (const list of [undefined, "", "  "]) {
      expect(createPropagator(list).propagator.fields()).toEqual([
        "traceparent",
        "tracestate",
        "baggage",
        "uber-trace-id",
      ]);
    }
  });

  it("leaves out what it does not know, and says so", () => {
    const { propagator, warnings } = createPropagator("b3, TraceContext,__proto__");
    expect(propagator.fields()).toEqual(["traceparent", "tracestate"]);
    expect(warnings).toEqual([
      'OTEL_PROPAGATORS: "b3" is not one of tracecontext,baggage,jaeger,none; it is left out',
      'OTEL_PROPAGATORS: "__proto__" is not one of tracecontext,baggage,jaeger,none; it is left out',
    ]);
  });

  it("may be none", () => {
    expect(createPropagator("none").propagator.fields()).toEqual([]);
  });
});

describe("without the SDK", () => {
  let tracing: Tracing;
  beforeEach(async () => {
    tracing = await startTracing({}, service);
  });
  afterEach(() => tracing.shutdown());

  it("nothing is made of a call without headers", () => {
    expect(extractTrace(() => undefined)).toBe(ROOT_CONTEXT);
    expect(traceOf(ROOT_CONTEXT)).toBe(noTrace);
    expect(contextOf(noTrace)).toBe(ROOT_CONTEXT);
    expect(traceOf(trace.setSpan(ROOT_CONTEXT, startEnqueueSpan(ROOT_CONTEXT, "default")))).toBe(noTrace);
  });

  it("a caller's trace goes letter for letter through call, hand-over, store and attempt to the target", () => {
    const headers: Headers = { traceparent: `00-${traceId}-${spanId}-03`, tracestate: "rojo=1, x=2" };
    const call = extractTrace((name) => headers[name]);
    const inCall = trace.setSpan(call, startServerSpan(call, "fieldpost.v1.RelayService/Enqueue"));
    const stored = traceOf(trace.setSpan(inCall, startEnqueueSpan(inCall, "default")));
    expect(stored).toEqual(headers);
    const sent: Record<string, string> = {};
    propagation.inject(contextOf(stored), sent);
    expect(sent).toEqual({ ...headers, "uber-trace-id": `${traceId}:${spanId}:0:1` });
  });

  it("an uber-trace-id is stored as a traceparent", () => {
    expect(traceOf(extractTrace((name) => (name === "uber-trace-id" ? "abc:def:0:1" : undefined)))).toEqual({
      traceparent: `00-${"abc".padStart(32, "0")}-0000000000000def-01`,
      tracestate: "",
    });
  });

  it("a stored context that is damaged is as good as none", () => {
    expect(contextOf({ traceparent: "hello", tracestate: "a=1" })).toBe(ROOT_CONTEXT);
  });

  it("every context survives the store", () => {
    assert(
      property(
        hex(32),
        hex(16),
        constantFrom(TraceFlags.NONE, TraceFlags.SAMPLED, 2, 255),
        (id, span, flags) => {
          const context = trace.setSpanContext(ROOT_CONTEXT, {
            traceId: id,
            spanId: span,
            traceFlags: flags,
          });
          const back = trace.getSpanContext(contextOf(traceOf(context)));
          expect(back).toEqual({ traceId: id, spanId: span, traceFlags: flags, isRemote: true });
        },
      ),
    );
  });
});
