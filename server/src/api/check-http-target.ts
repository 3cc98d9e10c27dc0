import type { HttpTarget } from "../gen/fieldpost/v1/job.ts";
import { framingHeaders, ownHeaders } from "../job/headers.ts";
import type { Header, HttpRequest } from "../job/job.ts";
import { quote } from "./names.ts";
import type { Violations } from "./violations.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const maxUrlBytes = 8 * 1024;
const maxHeaders = 100;
const maxHeaderBytes = 32 * 1024;

/** One for all: a map that is empty takes a quarter of a kilobyte, and a batch keeps thousands of jobs. */
export const noEntries: ReadonlyMap<string, string> = new Map();

/** RFC 9110, section 5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110, section 5.5: visible ASCII, space, tab and obs-text; so no CR, LF or NUL. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Checks an HTTP target and says all that is wrong with it. The answer may be used only if nothing is. */
export function checkHttpTarget(
  target: HttpTarget,
  field: string,
  maxBodyBytes: number,
  violations: Violations,
): HttpRequest {
  const { body } = target;
  const method = target.method === "" ? defaultMethod(target) : target.method;
  if (!methods.includes(method)) {
    violations.add(`${field}.method`, `${quote(method)} is not one of ${methods.join(", ")}`);
  }
  const bodiless = method === "GET" || method === "HEAD";
  if (bodiless && body.length > 0) {
    violations.add(`${field}.body`, `must be empty with the method ${method}, has ${body.length} bytes`);
  }
  if (body.length > maxBodyBytes) {
    violations.add(`${field}.body`, `has ${body.length} bytes, at most ${maxBodyBytes} are allowed`);
  }
  checkHeaders(target.headers, `${field}.headers`, violations);
  const url = checkUrl(target.url, `${field}.url`, violations);
  if (target.parameters.size > 0) {
    const size = new URLSearchParams([...target.parameters]).toString().length;
    const limit = bodiless ? maxUrlBytes - url.length : maxBodyBytes;
    if (size > limit)
      violations.add(`${field}.parameters`, `take ${size} bytes, at most ${limit} are allowed`);
    if (body.length > 0 && !bodiless) {
      violations.add(`${field}.parameters`, "are sent as the body, so body must be empty");
    }
  }
  const parameters = target.parameters.size === 0 ? noEntries : target.parameters;
  return { method, url, headers: target.headers, body, parameters };
}

function defaultMethod(target: HttpTarget): string {
  return target.body.length > 0 || target.parameters.size > 0 ? "POST" : "GET";
}

function checkUrl(text: string, field: string, violations: Violations): string {
  if (text === "") {
    violations.add(field, "is required");
    return text;
  }
  if (text.length > maxUrlBytes) {
    violations.add(field, `has ${text.length} characters, at most ${maxUrlBytes} are allowed`);
    return text;
  }
  const url = URL.parse(text);
  if (url === null) {
    violations.add(field, `${shown(text)} is not an absolute URL`);
    return text;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    violations.add(
      field,
      `the scheme of ${shown(text)} is ${quote(url.protocol.slice(0, -1))}, it must be http or https`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    violations.add(field, "must hold no user information; use an authorization header");
  }
  // A fragment is never sent (RFC 9110, section 4.2.5).
  url.hash = "";
  // As it will be sent: each byte beyond ASCII has become three.
  if (url.href.length > maxUrlBytes) {
    violations.add(field, `takes ${url.href.length} bytes when encoded, at most ${maxUrlBytes} are allowed`);
  }
  return url.href;
}

/** What stands before an @ may be a password: it is not repeated. */
function shown(url: string): string {
  return url.includes("@") ? "the URL" : quote(url);
}

function checkHeaders(headers: readonly Header[], field: string, violations: Violations): void {
  if (headers.length > maxHeaders) {
    violations.add(field, `are ${headers.length}, at most ${maxHeaders} are allowed`);
    return;
  }
  let bytes = 0;
  for (const [index, { name, value }] of headers.entries()) {
    bytes += name.length + value.length;
    if (!token.test(name)) {
      violations.add(
        `${field}[${index}].name`,
        name === "" ? "is required" : `${quote(name)} is not a header name (RFC 9110: a token)`,
      );
    } else if (framingHeaders.has(name.toLowerCase())) {
      violations.add(
        `${field}[${index}].name`,
        `${quote(name)} frames the message or speaks to the next hop, which Fieldpost does itself`,
      );
    } else if (ownHeaders.has(name.toLowerCase())) {
      violations.add(
        `${field}[${index}].name`,
        `${quote(name)} is Fieldpost's own; give the trace with the call`,
      );
    }
    // The value may be a secret: it is not repeated.
    if (!fieldValue.test(value)) {
      violations.add(
        `${field}[${index}].value`,
        "holds a character that a header must not have (CR, LF, NUL, another control character, or one above U+00FF)",
      );
    }
  }
  if (bytes > maxHeaderBytes)
    violations.add(field, `take ${bytes} bytes, at most ${maxHeaderBytes} are allowed`);
}
