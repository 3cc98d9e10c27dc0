/** Spans as the tests read them: made from OTLP messages, ids in hex, attributes as plain values. */
import type { ExportTraceServiceRequest } from "./gen/opentelemetry/proto/collector/trace/v1/trace_service.ts";
import type { AnyValue, KeyValue } from "./gen/opentelemetry/proto/common/v1/common.ts";
import type { Span } from "./gen/opentelemetry/proto/trace/v1/trace.ts";

export type Attributes = Readonly<Record<string, unknown>>;

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the root of a trace. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
  /** `service.name` of the resource. */
  readonly service: string;
  /** Shared by all spans of one export. */
  readonly resource: Attributes;
  readonly scope: string;
  readonly startTimeNs: bigint;
  readonly durationMs: number;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: Attributes;
  }[];
  readonly status: { readonly code: "unset" | "ok" | "error"; readonly message: string };
}

const kinds: readonly CollectedSpan["kind"][] = [
  "unspecified",
  "internal",
  "server",
  "client",
  "producer",
  "consumer",
];
const statusCodes: readonly CollectedSpan["status"]["code"][] = ["unset", "ok", "error"];

export function* decodeSpans(request: ExportTraceServiceRequest): Generator<CollectedSpan> {
  for (const { resource: resourceMessage, scopeSpans } of request.resourceSpans) {
    const resource = attributesOf(resourceMessage?.attributes ?? []);
    const name = resource["service.name"];
    const service = typeof name === "string" ? name : "";
    for (const { scope, spans } of scopeSpans) {
      for (const span of spans) yield decodeSpan(span, { resource, service, scope: scope?.name ?? "" });
    }
  }
}

function decodeSpan(
  span: Span,
  origin: Pick<CollectedSpan, "resource" | "service" | "scope">,
): CollectedSpan {
  return {
    ...origin,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    traceState: span.traceState,
    name: span.name,
    kind: kinds[span.kind] ?? "unspecified",
    startTimeNs: span.startTimeUnixNano,
    durationMs: Number(span.endTimeUnixNano - span.startTimeUnixNano) / 1e6,
    attributes: attributesOf(span.attributes),
    events: span.events.map(({ name, attributes }) => ({ name, attributes: attributesOf(attributes) })),
    links: span.links.map((link) => ({
      traceId: hex(link.traceId),
      spanId: hex(link.spanId),
      attributes: attributesOf(link.attributes),
    })),
    status: { code: statusCodes[span.status?.code ?? 0] ?? "unset", message: span.status?.message ?? "" },
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function attributesOf(list: readonly KeyValue[]): Attributes {
  const attributes: Record<string, unknown> = {};
  for (const { key, value } of list) attributes[key] = valueOf(value);
  return attributes;
}

/** Whole numbers as numbers. */
function valueOf(any: AnyValue | undefined): unknown {
  const value = any?.value;
  switch (value?.$case) {
    case undefined:
      return undefined;
    case "intValue":
      return Number(value.intValue);
    case "arrayValue":
      return value.arrayValue.values.map(valueOf);
    case "kvlistValue":
      return attributesOf(value.kvlistValue.values);
    case "stringValue":
      return value.stringValue;
    case "boolValue":
      return value.boolValue;
    case "doubleValue":
      return value.doubleValue;
    case "bytesValue":
      return value.bytesValue;
    case "stringValueStrindex":
      return value.stringValueStrindex;
    default:
      return value satisfies never;
  }
}
