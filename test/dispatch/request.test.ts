import { expect, test } from "vitest";
import { buildRequest } from "../../server/src/dispatch/request.ts";
import type { Header, HttpRequest } from "../../server/src/job/job.ts";
import { makeJob } from "./support.ts";

function build(request: Partial<HttpRequest>, rest: Parameters<typeof makeJob>[1] = {}) {
  return buildRequest(makeJob({ url: "http://example.com/", ...request }, rest), "agent/1");
}

function pairs(headers: readonly string[]): Header[] {
  return headers.flatMap((name, i) => (i % 2 === 0 ? [{ name, value: headers[i + 1]! }] : []));
}

test.each([
  ["http://example.com/", "http://example.com", "/"],
  ["https://example.com:8443/a/b?c=d&e", "https://example.com:8443", "/a/b?c=d&e"],
  ["http://[::1]:80/x", "http://[::1]:80", "/x"],
  ["http://example.com/a#fragment", "http://example.com", "/a"],
  ["http://example.com/?a=@b", "http://example.com", "/?a=@b"],
  ["http://user:secret@example.com/a", "http://example.com", "/a"],
  ["http://example.com", "http://example.com", "/"],
])("%s goes to the origin %s with the path %s", (url, origin, path) => {
  expect(build({ url })).toMatchObject({ origin, path });
});

test("the caller's headers keep their order, spelling and duplicates, and ours follow", () => {
  const headers = [
    { name: "X-B", value: "1" },
    { name: "x-a", value: "2" },
    { name: "X-b", value: "3" },
  ];
  const job = makeJob({ url: "http://example.com/", headers }, { attempt: 2 });
  expect(pairs(buildRequest(job, "agent/1").headers)).toEqual([
    ...headers,
    { name: "user-agent", value: "agent/1" },
    { name: "idempotency-key", value: job.uid },
    { name: "fieldpost-attempt", value: "2/10" },
  ]);
});

test("the caller's own user-agent and idempotency-key stand", () => {
  const headers = [
    { name: "User-Agent", value: "mine" },
    { name: "Idempotency-Key", value: "k" },
  ];
  expect(pairs(build({ headers }).headers)).toEqual([
    ...headers,
    { name: "fieldpost-attempt", value: "1/10" },
  ]);
});

test.each([
  "Host",
  "Content-Length",
  "Transfer-Encoding",
  "Connection",
  "Keep-Alive",
  "Proxy-Connection",
  "Proxy-Authorization",
  "TE",
  "Trailer",
  "Upgrade",
  "HTTP2-Settings",
  "Expect",
  "Traceparent",
  "Tracestate",
  "Uber-Trace-Id",
  "Fieldpost-Attempt",
])("a caller's %s is not sent", (name) => {
  const { headers } = build({ headers: [{ name, value: "x" }] });
  expect(pairs(headers).filter((header) => header.value === "x")).toEqual([]);
});

const parameters = new Map([
  ["a b", "1&2"],
  ["c", "é"],
]);

test.each([
  ["GET", "http://example.com/p", "/p?a+b=1%262&c=%C3%A9"],
  ["HEAD", "http://example.com/p?x=1", "/p?x=1&a+b=1%262&c=%C3%A9"],
])("parameters of a %s are appended to the query", (method, url, path) => {
  expect(build({ method, url, parameters })).toMatchObject({ path, body: null });
});

test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])("parameters of a %s are a form body", (method) => {
  const { path, body, headers } = build({ method, parameters });
  expect({ path, body }).toEqual({ path: "/", body: "a+b=1%262&c=%C3%A9" });
  expect(pairs(headers)).toContainEqual({
    name: "content-type",
    value: "application/x-www-form-urlencoded",
  });
});

test("a form body keeps the caller's content type", () => {
  const headers = [{ name: "Content-Type", value: "text/odd" }];
  const built = pairs(build({ method: "POST", parameters, headers }).headers);
  expect(built.filter(({ name }) => name.toLowerCase() === "content-type")).toEqual(headers);
});

test("parameters beside a body go to the query, so that nothing is lost", () => {
  const body = Buffer.from("text");
  expect(build({ method: "POST", body, parameters: new Map([["a", "1"]]) })).toMatchObject({
    path: "/?a=1",
    body,
  });
});

test("all attempts of a job have the same request but for the attempt's number", () => {
  const job = makeJob({ url: "http://example.com/" });
  const [first, second] = [1, 2].map((attempt) => buildRequest({ ...job, attempt }, "agent/1"));
  expect(second).toEqual({ ...first, headers: first!.headers.map((h) => (h === "1/10" ? "2/10" : h)) });
});
