/**
 * The two spans of an attempt, and the headers that carry them on: `process {queue}` (CONSUMER), child of and linked to
 * the span under which the job was enqueued, and in it the request (CLIENT), which the target sees as its parent.
 * Without an SDK nothing is recorded and the target gets the stored context as it is.
 */
import {
  type Attributes,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapSetter,
  type Tracer,
  propagation,
  trace,
} from "@opentelemetry/api";
import type { ClaimedJob } from "../job/job.ts";
import {
  ATTR_ERROR_TYPE,
  ATTR_FIELDPOST_ATTEMPT,
  ATTR_FIELDPOST_RESULT,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_RESEND_COUNT,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_MESSAGE_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
  MESSAGING_SYSTEM,
} from "../telemetry/attributes.ts";
import { contextOf, withSpan } from "../telemetry/carrier.ts";
import type { Verdict } from "./outcome.ts";

/** The spans of an attempt that is recorded. */
export interface AttemptSpans {
  readonly process: Span;
  readonly request: Span;
}

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
  const stored = contextOf(job.trace);
  const process = tracer.startSpan(`process ${job.queue}`, consumer, stored);
  let inProcess = withSpan(stored, process);
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
  if (status > 0) request.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status);
  if (verdict.error !== undefined) {
    const { reason, message } = verdict.error;
    request.setAttribute(ATTR_ERROR_TYPE, status > 0 ? String(status) : reason);
    // Semantic conventions, HTTP: no description where the status code already says it.
    request.setStatus(status > 0 ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message });
    process.setAttribute(ATTR_ERROR_TYPE, reason);
    process.setStatus({ code: SpanStatusCode.ERROR, message });
  }
  process.setAttribute(ATTR_FIELDPOST_RESULT, verdict.result);
  request.end();
  process.end();
}

function processAttributes(job: ClaimedJob): Attributes {
  return {
    [ATTR_MESSAGING_SYSTEM_NAME]: MESSAGING_SYSTEM,
    [ATTR_MESSAGING_OPERATION_NAME]: "process",
    [ATTR_MESSAGING_OPERATION_TYPE]: "process",
    [ATTR_MESSAGING_DESTINATION_NAME]: job.queue,
    [ATTR_MESSAGING_MESSAGE_ID]: job.uid,
    [ATTR_FIELDPOST_ATTEMPT]: job.attempt,
  };
}

function requestAttributes(job: ClaimedJob): Attributes {
  const { method, url } = job.request;
  const attributes: Attributes = { [ATTR_HTTP_REQUEST_METHOD]: method };
  if (job.attempt > 1) attributes[ATTR_HTTP_REQUEST_RESEND_COUNT] = job.attempt - 1;
  const parsed = URL.parse(url);
  if (parsed === null) return attributes;
  attributes[ATTR_URL_FULL] = redactUrl(parsed);
  attributes[ATTR_SERVER_ADDRESS] = parsed.hostname.replace(/^\[|\]$/g, "");
  attributes[ATTR_SERVER_PORT] =
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
