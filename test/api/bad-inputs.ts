/** Each thing that can be wrong with a job, and the fields that must be named for it. */
import type { AmbiguityPolicy } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { Jitter } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { DeepPartial, EnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { jobWith, maxBodyBytes, start } from "./setting.ts";
import type { HttpInput, JobInput } from "./setting.ts";

export interface BadInput {
  readonly what: string;
  readonly request: DeepPartial<EnqueueRequest>;
  /** All fields that must be named, in any order. */
  readonly fields: readonly string[];
}

const ofRequest = (what: string, request: DeepPartial<EnqueueRequest>, ...fields: string[]): BadInput => ({
  what,
  request,
  fields,
});
const ofJob = (what: string, job: JobInput, ...fields: string[]): BadInput => ({
  what,
  request: { job: jobWith(job) },
  fields: fields.map((field) => `job.${field}`),
});
const ofHttp = (what: string, http: HttpInput, ...fields: string[]): BadInput => ({
  what,
  request: { job: jobWith({}, http) },
  fields: fields.map((field) => `job.http.${field}`),
});

export const bytes = (length: number): Buffer => Buffer.alloc(length, "x");
export const headers = (...pairs: [string, string][]) => ({
  headers: pairs.map(([name, value]) => ({ name, value })),
});
export const manyHeaders = (count: number, value = "v") => ({
  headers: Array.from({ length: count }, (_, index) => ({ name: `h${index}`, value })),
});
export const seconds = (count: number | bigint, nanos = 0) => ({ seconds: BigInt(count), nanos });
export const policy = (retryPolicy: NonNullable<JobInput["retryPolicy"]>): JobInput => ({ retryPolicy });
export const labels = (count: number) =>
  new Map(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));

const urls: BadInput[] = [
  ofHttp("no URL", { url: "" }, "url"),
  ofHttp("a URL that is not absolute", { url: "/hook" }, "url"),
  ofHttp("a URL without a scheme", { url: "//target.test/hook" }, "url"),
  ofHttp("a URL without a host", { url: "http://" }, "url"),
  ofHttp("a URL whose port is too high", { url: "http://target.test:65536/" }, "url"),
  ofHttp("words in place of a URL", { url: "not a url" }, "url"),
  ofHttp("the scheme ftp", { url: "ftp://target.test/" }, "url"),
  ofHttp("the scheme javascript", { url: "javascript:alert(1)" }, "url"),
  ofHttp("the scheme file", { url: "file:///etc/passwd" }, "url"),
  ofHttp("the scheme ws", { url: "ws://target.test/" }, "url"),
  ofHttp("a user in the URL", { url: "http://user@target.test/" }, "url"),
  ofHttp("user and password in the URL", { url: "http://user:secret@target.test/" }, "url"),
  ofHttp("a URL of 9 KiB", { url: `http://target.test/${"x".repeat(9 * 1024)}` }, "url"),
  ofHttp(
    "a URL that takes more than 8 KiB once it is encoded",
    { url: `http://target.test/${"é".repeat(3000)}` },
    "url",
  ),
];

const framingNames = [
  ...["host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade"],
  ...["proxy-authorization", "fieldpost-attempt", "traceparent", "tracestate", "uber-trace-id"],
  ...["expect", "proxy-connection", "http2-settings"],
];

const headerCases: BadInput[] = [
  ofHttp("CR in a header's value", headers(["a", "b\rc"]), "headers[0].value"),
  ofHttp("LF in a header's value", headers(["a", "b\nx: y"]), "headers[0].value"),
  ofHttp("NUL in a header's value", headers(["ok", "fine"], ["a", "b\0"]), "headers[1].value"),
  ofHttp("DEL in a header's value", headers(["a", "\x7f"]), "headers[0].value"),
  ofHttp("a character above U+00FF in a header's value", headers(["a", "☃"]), "headers[0].value"),
  ofHttp("CR and LF in a header's name", headers(["a\r\nb", "c"]), "headers[0].name"),
  ofHttp("NUL in a header's name", headers(["a\0", "c"]), "headers[0].name"),
  ofHttp("a space in a header's name", headers(["a b", "c"]), "headers[0].name"),
  ofHttp("a colon in a header's name", headers(["a:", "c"]), "headers[0].name"),
  ofHttp("letters beyond ASCII in a header's name", headers(["ä", "c"]), "headers[0].name"),
  ofHttp("an empty header name", headers(["", "c"]), "headers[0].name"),
  ofHttp("a bad name and a bad value", headers(["", "\n"]), "headers[0].name", "headers[0].value"),
  ...framingNames.flatMap((name) =>
    [name, name.toUpperCase(), name.replace(/^./, (first) => first.toUpperCase())].map((spelling) =>
      ofHttp(`the framing header ${spelling}`, headers([spelling, "1"]), "headers[0].name"),
    ),
  ),
  ofHttp("101 headers", manyHeaders(101), "headers"),
  ofHttp("more than 32 KiB of headers", manyHeaders(33, "v".repeat(1024)), "headers"),
];

const bodies: BadInput[] = [
  ofHttp("a body of one byte too many", { body: bytes(maxBodyBytes + 1) }, "body"),
  ofHttp("a body with GET", { method: "GET", body: bytes(1) }, "body"),
  ofHttp("a body with HEAD", { method: "HEAD", body: bytes(1) }, "body"),
  ...["CONNECT", "TRACE", "get", "Post", "QUERY", "GET ", "G\r\nET"].map((method) =>
    ofHttp(`the method ${JSON.stringify(method)}`, { method }, "method"),
  ),
  ofHttp("parameters beside a body", { body: bytes(1), parameters: new Map([["a", "b"]]) }, "parameters"),
  ofHttp(
    "parameters that make a form larger than a body",
    { method: "POST", parameters: new Map([["a", "x".repeat(maxBodyBytes)]]) },
    "parameters",
  ),
  ofHttp(
    "parameters that make the URL longer than 8 KiB",
    { method: "GET", parameters: new Map([["a", "x".repeat(8 * 1024)]]) },
    "parameters",
  ),
];

const numbers: BadInput[] = [
  ofJob("the priority -1", { priority: -1 }, "priority"),
  ofJob("the priority 10", { priority: 10 }, "priority"),
  ofJob("max_attempts -1", { maxAttempts: -1 }, "max_attempts"),
  ofJob("max_attempts 1001", { maxAttempts: 1001 }, "max_attempts"),
];

const times: BadInput[] = [
  ofJob("an attempt_timeout whose signs differ", { attemptTimeout: seconds(1, -1) }, "attempt_timeout"),
  ofJob(
    "an attempt_timeout whose signs differ the other way",
    { attemptTimeout: seconds(-1, 1) },
    "attempt_timeout",
  ),
  ofJob(
    "an attempt_timeout of a billion nanos",
    { attemptTimeout: seconds(0, 1_000_000_000) },
    "attempt_timeout",
  ),
  ofJob(
    "an attempt_timeout beyond the range",
    { attemptTimeout: seconds(315_576_000_001n) },
    "attempt_timeout",
  ),
  ofJob("an attempt_timeout of 0", { attemptTimeout: seconds(0) }, "attempt_timeout"),
  ofJob(
    "an attempt_timeout of half a millisecond",
    { attemptTimeout: seconds(0, 500_000) },
    "attempt_timeout",
  ),
  ofJob("a negative attempt_timeout", { attemptTimeout: seconds(-1) }, "attempt_timeout"),
  ofJob(
    "an attempt_timeout of more than 30 minutes",
    { attemptTimeout: seconds(1800, 1) },
    "attempt_timeout",
  ),
  ofJob(
    "a schedule_time of the year 10000",
    { scheduleTime: new Date(253_402_300_800_000) },
    "schedule_time",
  ),
  ofJob(
    "a schedule_time before the year 1",
    { scheduleTime: new Date(-62_135_596_800_001) },
    "schedule_time",
  ),
  ofJob("an expire_time of the year 10000", { expireTime: new Date(253_402_300_800_000) }, "expire_time"),
  ofJob("an expire_time that is now", { expireTime: new Date(start) }, "expire_time"),
  ofJob("an expire_time in the past", { expireTime: new Date(start - 1) }, "expire_time"),
  ofJob(
    "an expire_time before schedule_time",
    { scheduleTime: new Date(start + 2000), expireTime: new Date(start + 1000) },
    "expire_time",
  ),
];

const policies: BadInput[] = [
  ofJob("a multiplier that is NaN", policy({ multiplier: Number.NaN }), "retry_policy.multiplier"),
  ofJob(
    "a multiplier that is infinite",
    policy({ multiplier: Number.POSITIVE_INFINITY }),
    "retry_policy.multiplier",
  ),
  ofJob("a multiplier of 0.5", policy({ multiplier: 0.5 }), "retry_policy.multiplier"),
  ofJob("a multiplier of 100.5", policy({ multiplier: 100.5 }), "retry_policy.multiplier"),
  ofJob("a negative multiplier", policy({ multiplier: -2 }), "retry_policy.multiplier"),
  ofJob("an unknown jitter", policy({ jitter: 9 as Jitter }), "retry_policy.jitter"),
  ofJob("an initial_backoff of 0", policy({ initialBackoff: seconds(0) }), "retry_policy.initial_backoff"),
  ofJob(
    "an initial_backoff that is no duration",
    policy({ initialBackoff: seconds(1, -1) }),
    "retry_policy.initial_backoff",
  ),
  ofJob(
    "a max_backoff of more than a year",
    policy({ maxBackoff: seconds(366 * 86_400) }),
    "retry_policy.max_backoff",
  ),
  ofJob(
    "a max_backoff below initial_backoff",
    policy({ initialBackoff: seconds(2), maxBackoff: seconds(1) }),
    "retry_policy.max_backoff",
  ),
];

const labelCases: BadInput[] = [
  ofJob("65 labels", { labels: labels(65) }, "labels"),
  ofJob("an upper-case label key", { labels: new Map([["Key", "v"]]) }, "labels"),
  ofJob("an empty label key", { labels: new Map([["", "v"]]) }, "labels"),
  ofJob("a label key of 64 characters", { labels: new Map([["k".repeat(64), "v"]]) }, "labels"),
  ofJob("a label value of 256 bytes", { labels: new Map([["k", "é".repeat(128)]]) }, "labels"),
];

const others: BadInput[] = [
  ofRequest("no job", {}, "job"),
  ofRequest("a negative delay", { job: jobWith(), delay: seconds(-1) }, "delay"),
  ofRequest(
    "a delay beside a schedule_time",
    { job: jobWith({ scheduleTime: new Date(start + 1000) }), delay: seconds(1) },
    "delay",
  ),
  ofRequest("no target", { job: {} }, "job.http"),
  ofJob("another queue", { queue: "queues/other" }, "queue"),
  ofJob("a queue that is no resource name", { queue: "default" }, "queue"),
  ofJob("a dedup_key of 256 bytes", { dedupKey: "é".repeat(128) }, "dedup_key"),
  ofJob("source", { source: "10.0.0.1" }, "source"),
  ofJob("a negative retention", { retention: seconds(-1) }, "retention"),
  ofJob("a retention of more than ten years", { retention: seconds(3651 * 86_400) }, "retention"),
  ofJob("an unknown ambiguity policy", { ambiguityPolicy: 7 as AmbiguityPolicy }, "ambiguity_policy"),
  ...["3f0c", "request", "00000000-0000-4000-8000-00000000000", "{00000000-0000-4000-8000-000000000000}"].map(
    (requestId) => ofRequest(`the request_id ${requestId}`, { job: jobWith(), requestId }, "request_id"),
  ),
  ...["", "-a", "_a", "a/b", "a b", "ä", "a".repeat(129), "a\n", "../a"]
    .slice(1)
    .map((jobId) => ofRequest(`the job_id ${JSON.stringify(jobId)}`, { job: jobWith(), jobId }, "job_id")),
];

/** All of them. */
export const badInputs = [urls, headerCases, bodies, numbers, times, policies, labelCases, others].flat();
