/**
 * The two spans of an attempt, and the headers that carry them on: `process {queue}` (CONSUMER), child of and linked to
 * the span under which the job was enqueued, and in it the request (CLIENT), which the target sees as its parent.
 * Without an SDK nothing is recorded and the target gets the stored context as it is.
 */
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  type Tracer,
  propagation,
  trace,
} from "@opentelemetry/api";
import type { ClaimedJob, TraceContext } from "../job/job.ts";
import type { Verdict } from "./outcome.ts";

/** The spans of an attempt that is recorded. */
export interface AttemptSpans {
  readonly process: Span;
  readonly request: Span;
}

const storedContext: TextMapGetter<TraceContext> = {
  keys: () => ["traceparent", "tracestate"],
  get(carrier, key) {
    if (key === "traceparent") return carrier.traceparent;
    return key === "tracestate" && carrier.tracestate !== "" ? carrier.tracestate : undefined;
  },
};

const requestHeaders: TextMapSetter<string[]> = {
  set: (headers, name, value) => void headers.push(name, value),
};

const consumer = { kind: SpanKind.CONSUMER };

/**
 * Starts the spans of an attempt and appends the trace headers to `headers`.
 *
 * @returns undefined where nothing is recorded: tracing is off, or this trace was not sampled
 */
export function startSpans(tracer: Tracer, job: ClaimedJob, headers: string[]): AttemptSpans | undefined {
  const { traceparent, tracestate } = job.trace;
  const stored =
    traceparent === "" ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, job.trace, storedContext);
  const process = tracer.startSpan(`process ${job.queue}`, consumer, stored);
  let inProcess = trace.setSpan(stored, process);
  let spans: AttemptSpans | undefined;
  if (process.isRecording()) {
    const creation = trace.getSpanContext(stored);
    if (creation !== undefined) process.addLink({ context: creation });
    process.setAttributes(processAttributes(job));
    const client = { kind: SpanKind.CLIENT, attributes: requestAttributes(job) };
    const request = tracer.startSpan(job.request.method, client, inProcess);
    inProcess = trace.setSpan(inProcess, request);
    spans = { process, request };
  }
  const before = headers.length;
  propagation.inject(inProcess, headers, requestHeaders);
  // No propagator is registered, or nothing to propagate was made: the caller's trace goes on to the target as it is.
  if (headers.length === before && traceparent !== "") {
    headers.push("traceparent", traceparent);
    if (tracestate !== "") headers.push("tracestate", tracestate);
  }
  return spans;
}

/** @param status of the response, 0 where none came */
export function endSpans({ process, request }: AttemptSpans, verdict: Verdict, status: number): void {
  if (status > 0) request.setAttribute("http.response.status_code", status);
  if (verdict.error !== undefined) {
    const { reason, message } = verdict.error;
    request.setAttribute("error.type", status > 0 ? String(status) : reason);
    // Semantic conventions, HTTP: no description where the status code already says it.
    request.setStatus(status > 0 ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message });
    process.setAttribute("error.type", reason);
    process.setStatus({ code: SpanStatusCode.ERROR, message });
  }
  request.end();
  process.end();
}

function processAttributes(job: ClaimedJob): Attributes {
  return {
    "messaging.system": "fieldpost",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": job.queue,
    "messaging.message.id": job.uid,
    "fieldpost.attempt": job.attempt,
  };
}

function requestAttributes(job: ClaimedJob): Attributes {
  const { method, url } = job.request;
  const attributes: Attributes = { "http.request.method": method };
  if (job.attempt > 1) attributes["http.request.resend_count"] = job.attempt - 1;
  const parsed = URL.parse(url);
  if (parsed === null) return attributes;
  attributes["url.full"] = redactUrl(parsed);
  attributes["server.address"] = parsed.hostname.replace(/^\[|\]$/g, "");
  attributes["server.port"] =
    parsed.port === "" ? (parsed.protocol === "https:" ? 443 : 80) : Number(parsed.port);
  return attributes;
}

/** Keys travel in queries: the names stay, every value is REDACTED; user information and fragment are left out. */
function redactUrl(url: URL): string {
  const query = url.search
    .slice(1)
    .split("&")
    .map((pair) => (pair.includes("=") ? `${pair.slice(0, pair.indexOf("="))}=REDACTED` : "REDACTED"))
    .join("&");
  return `${url.origin}${url.pathname}${url.search === "" ? "" : `?${query}`}`;
}
