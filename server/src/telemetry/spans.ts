/**
 * The spans on the way in: one for the call, one for the hand-over whose context the job keeps. Each is given its parent:
 * without the SDK there is no active context, and the caller's trace must go through all the same.
 */
import {
  type Attributes,
  type Context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_MESSAGING_BATCH_MESSAGE_COUNT,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM_NAME,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  MESSAGING_SYSTEM,
  RPC_SYSTEM,
} from "./attributes.ts";
import { scrub } from "./redact.ts";

/** The instrumentation scope of all our spans. */
export const scopeName = "fieldpost";

/** Never kept in a variable of a module: after a restart of tracing it would write to the old one. */
export function tracer(): Tracer {
  return trace.getTracer(scopeName);
}

/**
 * Starts the span of one hand-over, `send {queue}`. The job keeps `traceOf(withSpan(parent, span))`: without the SDK
 * that is the caller's own trace.
 *
 * @param jobCount of a batch; all its jobs share the span
 */
export function startEnqueueSpan(parent: Context, queue: string, jobCount?: number): Span {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM_NAME]: MESSAGING_SYSTEM,
    [ATTR_MESSAGING_OPERATION_NAME]: "send",
    [ATTR_MESSAGING_OPERATION_TYPE]: "send",
    [ATTR_MESSAGING_DESTINATION_NAME]: queue,
  };
  if (jobCount !== undefined) attributes[ATTR_MESSAGING_BATCH_MESSAGE_COUNT] = jobCount;
  return tracer().startSpan(`send ${queue}`, { kind: SpanKind.PRODUCER, attributes }, parent);
}

/**
 * Starts the span of a gRPC call that came in.
 *
 * @param method full name without the leading slash: `fieldpost.v1.RelayService/Enqueue`
 */
export function startServerSpan(parent: Context, method: string): Span {
  const attributes = { [ATTR_RPC_SYSTEM_NAME]: RPC_SYSTEM, [ATTR_RPC_METHOD]: method };
  return tracer().startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
}

/** The codes that are the server's fault (semantic conventions for gRPC); the others are the caller's. */
const serverFaults: ReadonlySet<string> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

/**
 * Ends a span of {@link startServerSpan}.
 *
 * @param code name of the gRPC code: `OK`, `NOT_FOUND`, …
 */
export function endServerSpan(span: Span, code: string, message = ""): void {
  span.setAttribute(ATTR_RPC_STATUS_CODE, code);
  if (serverFaults.has(code)) markFailed(span, code, message);
  span.end();
}

/**
 * Starts the span of an HTTP request that came in.
 *
 * @param route the pattern, not the path: `/v1/{name=jobs/*}`
 */
export function startHttpServerSpan(parent: Context, method: string, route: string): Span {
  const attributes = { [ATTR_HTTP_REQUEST_METHOD]: method, [ATTR_HTTP_ROUTE]: route };
  return tracer().startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent);
}

/** Ends a span of {@link startHttpServerSpan}. */
export function endHttpServerSpan(span: Span, status: number, message = ""): void {
  span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status);
  if (status >= 500) markFailed(span, String(status), message);
  span.end();
}

/**
 * Marks a span as failed without ending it.
 *
 * @param type from a small set: a code, a reason, an error's class
 */
export function markFailed(span: Span, type: string, message = ""): void {
  if (!span.isRecording()) return;
  span.setAttribute(ATTR_ERROR_TYPE, type);
  span.setStatus({ code: SpanStatusCode.ERROR, message: scrub(message) });
}
