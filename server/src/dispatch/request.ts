/** From a job to the bytes that go out: where to, which headers, which body. */
import { framingHeaders, ownHeaders } from "../job/headers.ts";
import type { ClaimedJob } from "../job/job.ts";
import { splitUrl } from "../job/origin.ts";

export interface OutgoingRequest {
  /** `https://example.com:8443`; one key of the pool. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  /** name, value, name, value, … as undici takes them. Trace headers are appended by whoever starts the span. */
  readonly headers: string[];
  readonly body: Uint8Array | string | null;
}

/** Bits: a header that the caller may give in place of ours. */
const IDEMPOTENCY_KEY = 1;
const USER_AGENT = 2;
const CONTENT_TYPE = 4;
/** A header that is not the caller's; validation refuses it, and should one come through, it stays here. */
const OURS = 0;

const special: ReadonlyMap<string, number> = new Map([
  ["idempotency-key", IDEMPOTENCY_KEY],
  ["user-agent", USER_AGENT],
  ["content-type", CONTENT_TYPE],
  ...[...framingHeaders, ...ownHeaders].map((name) => [name, OURS] as const),
]);

/** Builds the request of one attempt. Everything but the attempt's number is the same for each attempt of a job. */
export function buildRequest(job: ClaimedJob, userAgent: string): OutgoingRequest {
  const { method, url, headers: given, body, parameters } = job.request;
  const headers: string[] = [];
  let seen = 0;
  for (const { name, value } of given) {
    const kind = special.get(name.toLowerCase());
    if (kind === OURS) continue;
    if (kind !== undefined) seen |= kind;
    headers.push(name, value);
  }
  if ((seen & USER_AGENT) === 0) headers.push("user-agent", userAgent);
  if ((seen & IDEMPOTENCY_KEY) === 0) headers.push("idempotency-key", job.uid);
  headers.push("fieldpost-attempt", `${job.attempt}/${job.maxAttempts}`);

  const { origin, path } = splitUrl(url);
  if (parameters.size === 0) {
    return { origin, path, method, headers, body: body.length === 0 ? null : body };
  }
  const encoded = new URLSearchParams([...parameters]).toString();
  if (method === "GET" || method === "HEAD" || body.length > 0) {
    const joined = `${path}${path.includes("?") ? "&" : "?"}${encoded}`;
    return { origin, path: joined, method, headers, body: body.length === 0 ? null : body };
  }
  if ((seen & CONTENT_TYPE) === 0) headers.push("content-type", "application/x-www-form-urlencoded");
  return { origin, path, method, headers, body: encoded };
}
