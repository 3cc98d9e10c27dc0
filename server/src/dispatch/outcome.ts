/** What the end of an attempt means. Pure: the status or the error, and whether bytes can have left, decide. */
import { STATUS_CODES } from "node:http";
import type { AttemptResult, Failure, FailureReason, StatusRange } from "../job/job.ts";

/** The part of an Outcome that follows from how the exchange ended. */
export interface Verdict {
  readonly result: AttemptResult;
  readonly retryable: boolean;
  readonly error: Failure | undefined;
}

/** Why the relay itself ended an attempt. */
export type CutReason = Extract<FailureReason, "TOTAL_TIMEOUT" | "SHUTDOWN" | "CANCELLED">;

const succeeded: Verdict = { result: "succeeded", retryable: false, error: undefined };

/** 101 without a request for it. No final status follows, so nobody knows what became of the request. */
export const unexpectedUpgrade: Verdict = {
  result: "outcome-unknown",
  retryable: true,
  error: {
    reason: "PROTOCOL",
    message: "the target answered 101 Switching Protocols, which nobody asked for",
  },
};

/**
 * Decides by a final status, 200 or higher.
 *
 * @param retryStatuses which of them may be tried again; left out, 408, 425, 429, and all from 500 on
 *
 * All of 5xx may be repeated, 501 and 505 too: a target that is half deployed or wrongly routed gives them for a while,
 * and a useless repetition costs a bounded number of sends where giving up too early costs the job. What lies beyond
 * 599 is to be taken for a 5xx (RFC 9110, section 15).
 */
export function decideByStatus(status: number, retryStatuses?: readonly StatusRange[]): Verdict {
  if (status >= 200 && status < 300) return succeeded;
  const answered = `the target answered ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd();
  const retryable =
    retryStatuses === undefined
      ? status >= 500 || status === 408 || status === 425 || status === 429
      : retryStatuses.some(({ first, last }) => status >= first && status <= last);
  if (status >= 300 && status < 400) {
    const message = `${answered}; redirects are not followed`;
    return { result: "failed", retryable, error: { reason: "REDIRECT_REFUSED", message } };
  }
  const reason = retryable ? "STATUS_RETRYABLE" : "STATUS_PERMANENT";
  return { result: "failed", retryable, error: { reason, message: answered } };
}

/**
 * Decides by an error that came in place of a status.
 *
 * @param sent true if a byte of the request may have left
 */
export function decideByError(error: unknown, sent: boolean): Verdict {
  const { code, message } = describe(error);
  if (unsendable.has(code)) {
    // No other attempt does better, and `not-sent` would promise that one may.
    return {
      result: "failed",
      retryable: false,
      error: { reason: "PROTOCOL", message: `the request cannot be sent: ${message}` },
    };
  }
  return {
    result: sent ? "outcome-unknown" : "not-sent",
    retryable: true,
    error: { reason: reasonOf(error, code, message, sent), message },
  };
}

/** Decides where the relay ended the attempt before a status came. */
export function decideByCut(reason: CutReason, sent: boolean, attemptTimeoutMs: number): Verdict {
  return {
    result: sent ? "outcome-unknown" : "not-sent",
    retryable: true,
    error: { reason, message: cutMessage(reason, sent, attemptTimeoutMs) },
  };
}

function cutMessage(reason: CutReason, sent: boolean, attemptTimeoutMs: number): string {
  const before = sent ? "before the target answered" : "before the request was sent";
  switch (reason) {
    case "TOTAL_TIMEOUT":
      return `the attempt's ${attemptTimeoutMs} ms were over ${before}`;
    case "SHUTDOWN":
      return `the worker stopped ${before}`;
    case "CANCELLED":
      return `cancelled ${before}`;
    default:
      return reason satisfies never;
  }
}

/** Errors of undici and of the URL parser that say that the request itself is wrong. */
const unsendable: ReadonlySet<string> = new Set([
  "UND_ERR_INVALID_ARG",
  "UND_ERR_NOT_SUPPORTED",
  "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
  "ERR_INVALID_URL",
]);

const reasons: ReadonlyMap<string, FailureReason> = new Map([
  ["ENOTFOUND", "DNS_NXDOMAIN"],
  ["ECONNREFUSED", "CONN_REFUSED"],
  ["ECONNRESET", "CONN_RESET"],
  ["ECONNABORTED", "CONN_RESET"],
  ["EPIPE", "CONN_RESET"],
  ["EHOSTUNREACH", "CONN_UNREACHABLE"],
  ["EHOSTDOWN", "CONN_UNREACHABLE"],
  ["ENETUNREACH", "CONN_UNREACHABLE"],
  ["ENETDOWN", "CONN_UNREACHABLE"],
  // A local firewall's refusal.
  ["EACCES", "CONN_UNREACHABLE"],
  ["EPERM", "CONN_UNREACHABLE"],
  ["UND_ERR_CONNECT_TIMEOUT", "CONNECT_TIMEOUT"],
  // No local end to be had: not that address, no free port.
  ["EADDRNOTAVAIL", "LOCAL_BIND"],
  ["EADDRINUSE", "LOCAL_BIND"],
  // This process or this machine has none left.
  ["EMFILE", "LOCAL_EXHAUSTED"],
  ["ENFILE", "LOCAL_EXHAUSTED"],
  ["ENOBUFS", "LOCAL_EXHAUSTED"],
  ["ENOMEM", "LOCAL_EXHAUSTED"],
  ["HTTPParserError", "PROTOCOL"],
  ["UND_ERR_HEADERS_OVERFLOW", "PROTOCOL"],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "PROTOCOL"],
  // undici asserts what a target must not do, such as a status below 100.
  ["ERR_ASSERTION", "PROTOCOL"],
  ["UND_ERR_DESTROYED", "SHUTDOWN"],
  ["UND_ERR_CLOSED", "SHUTDOWN"],
]);

/** OpenSSL's and Node's codes for a failed handshake or a certificate that does not hold. */
const tlsCode =
  /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|UNABLE_TO_|ERROR_IN_C|SELF_SIGNED_|DEPTH_ZERO_|INVALID_(?:CA|PURPOSE)$|PATH_LENGTH_|HOSTNAME_MISMATCH$)/;

function reasonOf(error: unknown, code: string, message: string, sent: boolean): FailureReason {
  const syscall = (error as { syscall?: unknown } | null)?.syscall;
  if (syscall === "bind") return "LOCAL_BIND";
  const known = reasons.get(code);
  if (known !== undefined) return known;
  if (syscall === "getaddrinfo" || code.startsWith("EAI_")) return "DNS_FAIL";
  if (code.startsWith("HPE_")) return "PROTOCOL";
  if (tlsCode.test(code)) return "TLS";
  // One code for all, so the sentence decides: these two say that an answer came, but none that HTTP allows.
  if (code === "UND_ERR_SOCKET") return /^bad (?:response|upgrade)/.test(message) ? "PROTOCOL" : "CONN_RESET";
  if (code === "ETIMEDOUT") return sent ? "CONN_RESET" : "CONNECT_TIMEOUT";
  return sent ? "CONN_RESET" : "CONN_UNREACHABLE";
}

function describe(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: "", message: String(error) };
  // undici's parser errors are to be known by their name: their code is not filled in.
  const code = (error as NodeJS.ErrnoException).code ?? error.name;
  // A name with several addresses: Node gives an AggregateError without a message.
  const told = error.message === "" && error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  // OpenSSL ends its sentences with a line feed.
  const message = told instanceof Error ? told.message.trim() : "";
  return { code, message: message === "" ? code : message };
}
