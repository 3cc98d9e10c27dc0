/** Header names, in lower case, that are not the caller's: refused where a job comes in, left out where it goes out. */

/** They frame the message or speak to the next hop (RFC 9110, section 7.6.1; RFC 9112, section 6). */
export const framingHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** They say which attempt it is, and of which trace: what a caller gave would be wrong from the second attempt on. */
export const ownHeaders: ReadonlySet<string> = new Set([
  "fieldpost-attempt",
  "traceparent",
  "tracestate",
  "uber-trace-id",
]);
