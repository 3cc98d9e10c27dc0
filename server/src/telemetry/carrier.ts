/**
 * From a call's headers to a context, and from a context to what a job keeps of it. Works with and without the SDK:
 * without it, a span started under a context hands that context on, so a caller's trace reaches the target all the same.
 */
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  type TextMapGetter,
  isSpanContextValid,
  propagation,
  trace,
} from "@opentelemetry/api";
import type { TraceContext } from "../job/job.ts";
import { formatTraceParent, parseTraceParent } from "./trace-parent.ts";

/** Reads one header, by its name in lower case; several of one name joined by commas. */
export type ReadHeader = (name: string) => string | undefined;

export const noTrace: TraceContext = Object.freeze({ traceparent: "", tracestate: "" });

const getter: TextMapGetter<ReadHeader> = {
  get: (read, name) => read(name),
  keys: () => [],
};

/** The caller's context; ROOT_CONTEXT itself if it brought none. Needs {@link import("./tracing.ts").startTracing}. */
export function extractTrace(read: ReadHeader): Context {
  return propagation.extract(ROOT_CONTEXT, read, getter);
}

/** `parent` with the span in it; `parent` itself where there is no trace, so that nothing is copied for nothing. */
export function withSpan(parent: Context, span: Span): Context {
  return isSpanContextValid(span.spanContext()) ? trace.setSpan(parent, span) : parent;
}

/** What a job keeps of a context: that of its span, or {@link noTrace}. */
export function traceOf(context: Context): TraceContext {
  const span = trace.getSpanContext(context);
  if (span === undefined || !isSpanContextValid(span)) return noTrace;
  return { traceparent: formatTraceParent(span), tracestate: span.traceState?.serialize() ?? "" };
}

/** The context that a job was stored with; ROOT_CONTEXT itself where there was none. */
export function contextOf({ traceparent, tracestate }: TraceContext): Context {
  if (traceparent === "") return ROOT_CONTEXT;
  const span = parseTraceParent(traceparent, tracestate);
  return span === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, span);
}
