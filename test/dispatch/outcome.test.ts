import { expect, test } from "vitest";
import { decideByCut, decideByError, decideByStatus } from "../../server/src/dispatch/outcome.ts";

test.each([
  [200, "succeeded", false, undefined],
  [204, "succeeded", false, undefined],
  [226, "succeeded", false, undefined],
  [299, "succeeded", false, undefined],
  [300, "failed", false, "REDIRECT_REFUSED"],
  [302, "failed", false, "REDIRECT_REFUSED"],
  [304, "failed", false, "REDIRECT_REFUSED"],
  [308, "failed", false, "REDIRECT_REFUSED"],
  [400, "failed", false, "STATUS_PERMANENT"],
  [401, "failed", false, "STATUS_PERMANENT"],
  [404, "failed", false, "STATUS_PERMANENT"],
  [408, "failed", true, "STATUS_RETRYABLE"],
  [409, "failed", false, "STATUS_PERMANENT"],
  [410, "failed", false, "STATUS_PERMANENT"],
  [424, "failed", false, "STATUS_PERMANENT"],
  [425, "failed", true, "STATUS_RETRYABLE"],
  [429, "failed", true, "STATUS_RETRYABLE"],
  [499, "failed", false, "STATUS_PERMANENT"],
  [500, "failed", true, "STATUS_RETRYABLE"],
  [501, "failed", true, "STATUS_RETRYABLE"],
  [503, "failed", true, "STATUS_RETRYABLE"],
  [505, "failed", true, "STATUS_RETRYABLE"],
  [599, "failed", true, "STATUS_RETRYABLE"],
  [700, "failed", true, "STATUS_RETRYABLE"],
])("status %i is %s, retryable %s, reason %s", (status, result, retryable, reason) => {
  const verdict = decideByStatus(status);
  expect([verdict.result, verdict.retryable, verdict.error?.reason]).toEqual([result, retryable, reason]);
});

test("a failure by status says the status and its name", () => {
  expect(decideByStatus(503).error?.message).toBe("the target answered 503 Service Unavailable");
  expect(decideByStatus(599).error?.message).toBe("the target answered 599");
  expect(decideByStatus(302).error?.message).toBe(
    "the target answered 302 Found; redirects are not followed",
  );
});

test.each([
  [{ code: "ENOTFOUND", syscall: "getaddrinfo" }, "DNS_NXDOMAIN"],
  [{ code: "EAI_AGAIN", syscall: "getaddrinfo" }, "DNS_FAIL"],
  [{ code: "EAI_NODATA" }, "DNS_FAIL"],
  [{ code: "EMADEUP", syscall: "getaddrinfo" }, "DNS_FAIL"],
  [{ code: "ECONNREFUSED", syscall: "connect" }, "CONN_REFUSED"],
  [{ code: "ECONNRESET" }, "CONN_RESET"],
  [{ code: "EHOSTUNREACH" }, "CONN_UNREACHABLE"],
  [{ code: "ENETUNREACH" }, "CONN_UNREACHABLE"],
  [{ code: "EPERM" }, "CONN_UNREACHABLE"],
  [{ code: "EMADEUP" }, "CONN_UNREACHABLE"],
  [{ code: "UND_ERR_CONNECT_TIMEOUT" }, "CONNECT_TIMEOUT"],
  [{ code: "ETIMEDOUT" }, "CONNECT_TIMEOUT"],
  [{ code: "EADDRNOTAVAIL" }, "LOCAL_BIND"],
  [{ code: "EINVAL", syscall: "bind" }, "LOCAL_BIND"],
  [{ code: "EMFILE" }, "LOCAL_EXHAUSTED"],
  [{ code: "ENOMEM" }, "LOCAL_EXHAUSTED"],
  [{ code: "DEPTH_ZERO_SELF_SIGNED_CERT" }, "TLS"],
  [{ code: "CERT_HAS_EXPIRED" }, "TLS"],
  [{ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, "TLS"],
  [{ code: "ERR_TLS_CERT_ALTNAME_INVALID" }, "TLS"],
  [{ code: "ERR_SSL_WRONG_VERSION_NUMBER" }, "TLS"],
  [{ code: "EPROTO" }, "TLS"],
  [{ code: "UND_ERR_DESTROYED" }, "SHUTDOWN"],
])("before a byte left, %j is not-sent for the reason %s", (fields, reason) => {
  const verdict = decideByError(Object.assign(new Error("why"), fields), false);
  expect(verdict).toEqual({ result: "not-sent", retryable: true, error: { reason, message: "why" } });
});

test.each([
  [{ code: "ECONNRESET" }, "CONN_RESET"],
  [{ code: "EPIPE" }, "CONN_RESET"],
  [{ code: "ETIMEDOUT" }, "CONN_RESET"],
  [{ code: "EMADEUP" }, "CONN_RESET"],
  [{ code: "UND_ERR_SOCKET" }, "CONN_RESET"],
  [{ code: "UND_ERR_SOCKET", message: "bad response" }, "PROTOCOL"],
  [{ code: "UND_ERR_SOCKET", message: "bad upgrade" }, "PROTOCOL"],
  [{ code: "UND_ERR_HEADERS_OVERFLOW" }, "PROTOCOL"],
  [{ code: "HPE_INVALID_CONSTANT" }, "PROTOCOL"],
  [{ code: undefined, name: "HTTPParserError" }, "PROTOCOL"],
  [{ code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" }, "TLS"],
])("once bytes may have left, %j is outcome-unknown for the reason %s", (fields, reason) => {
  const verdict = decideByError(Object.assign(new Error("why"), fields), true);
  expect(verdict).toMatchObject({ result: "outcome-unknown", retryable: true, error: { reason } });
});

test.each([true, false])("a request that undici refuses fails for good (sent: %s)", (sent) => {
  const error = Object.assign(new Error("invalid request path"), { code: "UND_ERR_INVALID_ARG" });
  expect(decideByError(error, sent)).toEqual({
    result: "failed",
    retryable: false,
    error: { reason: "PROTOCOL", message: "the request cannot be sent: invalid request path" },
  });
});

test("several refused addresses are told by the first", () => {
  const first = new Error("connect ECONNREFUSED ::1:80");
  const error = Object.assign(new AggregateError([first, new Error("second")]), { code: "ECONNREFUSED" });
  expect(decideByError(error, false).error).toEqual({ reason: "CONN_REFUSED", message: first.message });
});

test("what is thrown without being an error is told as it is", () => {
  expect(decideByError("odd", true).error).toEqual({ reason: "CONN_RESET", message: "odd" });
});

test.each([
  ["TOTAL_TIMEOUT", true, "outcome-unknown", "the attempt's 500 ms were over before the target answered"],
  ["TOTAL_TIMEOUT", false, "not-sent", "the attempt's 500 ms were over before the request was sent"],
  ["SHUTDOWN", true, "outcome-unknown", "the worker stopped before the target answered"],
  ["CANCELLED", false, "not-sent", "cancelled before the request was sent"],
] as const)("cut by %s (sent: %s) is %s", (reason, sent, result, message) => {
  expect(decideByCut(reason, sent, 500)).toEqual({ result, retryable: true, error: { reason, message } });
});
