/** What the target sees and what comes back, over real sockets. */
import { expect, test } from "vitest";
import {
  bodyText,
  headerLines,
  makeJob,
  ok,
  startDispatcher,
  startHttpTarget,
  startScriptedTarget,
} from "./support.ts";

test("a POST arrives with its headers in order, its duplicates and a content-length", async () => {
  const target = await startScriptedTarget(() => ok);
  const headers = [
    { name: "X-One", value: "1" },
    { name: "x-two", value: "2" },
    { name: "X-One", value: "3" },
  ];
  const job = makeJob({ url: `${target.url}a/b?c=d`, method: "POST", headers, body: Buffer.from("hello") });
  const outcome = await startDispatcher().send(job);
  expect(outcome).toMatchObject({ result: "succeeded", retryable: false, error: undefined });
  expect(target.requests).toHaveLength(1);
  const [request] = target.requests as [string];
  expect(request.startsWith("POST /a/b?c=d HTTP/1.1\r\n")).toBe(true);
  expect(request.endsWith("\r\n\r\nhello")).toBe(true);
  expect(headerLines(request)).toEqual([
    `host: 127.0.0.1:${target.port}`,
    "connection: keep-alive",
    "X-One: 1",
    "x-two: 2",
    "X-One: 3",
    "user-agent: fieldpost/test",
    `idempotency-key: ${job.uid}`,
    "fieldpost-attempt: 1/10",
    "content-length: 5",
  ]);
});

test("parameters arrive in the query of a GET and as the form of a POST", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher();
  const parameters = new Map([["a b", "c&d"]]);
  await dispatcher.send(makeJob({ url: target.url, parameters }));
  await dispatcher.send(makeJob({ url: target.url, method: "POST", parameters }));
  expect(target.requests[0]).toMatch(/^GET \/\?a\+b=c%26d HTTP\/1.1\r\n/);
  expect(target.requests[1]).toMatch(/\r\ncontent-type: application\/x-www-form-urlencoded\r\n/);
  expect(target.requests[1]).toMatch(/\r\ncontent-length: 9\r\n\r\na\+b=c%26d$/);
});

test("the idempotency-key stays the same from attempt to attempt, the attempt's number grows", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher();
  const job = makeJob({ url: target.url });
  await dispatcher.send(job);
  await dispatcher.send({ ...job, attempt: 2 });
  const told = target.requests.map((request) =>
    headerLines(request).filter((line) => /^(?:idempotency-key|fieldpost-attempt)/.test(line)),
  );
  expect(told).toEqual([
    [`idempotency-key: ${job.uid}`, "fieldpost-attempt: 1/10"],
    [`idempotency-key: ${job.uid}`, "fieldpost-attempt: 2/10"],
  ]);
});

test("the response keeps the order and the duplicates of its headers, in lower case", async () => {
  const target = await startScriptedTarget(
    () =>
      "HTTP/1.1 201 Created\r\nSet-Cookie: a\r\n1: x\r\nX-B: y\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nhi",
  );
  const { response, result } = await startDispatcher().send(makeJob({ url: target.url }));
  expect(result).toBe("succeeded");
  expect({ ...response, body: bodyText(response) }).toEqual({
    status: 201,
    headers: [
      { name: "set-cookie", value: "a" },
      { name: "1", value: "x" },
      { name: "x-b", value: "y" },
      { name: "set-cookie", value: "b" },
      { name: "content-length", value: "2" },
    ],
    body: "hi",
    truncated: false,
  });
});

test("a chunked response is put together", async () => {
  const target = await startHttpTarget((_request, response) => {
    response.write("one ");
    response.write("two ");
    response.end("three");
  });
  const { response } = await startDispatcher().send(makeJob({ url: target.url }));
  expect(bodyText(response)).toBe("one two three");
  expect(response?.truncated).toBe(false);
});

test("a response that ends with the connection is whole", async () => {
  const target = await startScriptedTarget((_request, socket) => {
    socket.end("HTTP/1.0 200 OK\r\n\r\nto the end");
    return undefined;
  });
  const { response, result } = await startDispatcher().send(makeJob({ url: target.url }));
  expect([result, bodyText(response), response?.truncated]).toEqual(["succeeded", "to the end", false]);
});

test("204 has no body", async () => {
  const target = await startScriptedTarget(() => "HTTP/1.1 204 No Content\r\n\r\n");
  const { response, result } = await startDispatcher().send(makeJob({ url: target.url, method: "DELETE" }));
  expect([result, response?.status, response?.body.length]).toEqual(["succeeded", 204, 0]);
});

test("HEAD has no body, though the headers announce one", async () => {
  const target = await startHttpTarget((_request, response) => {
    response.setHeader("content-length", 1000).end();
  });
  const { response, result } = await startDispatcher().send(makeJob({ url: target.url, method: "HEAD" }));
  expect([result, response?.body.length, response?.truncated]).toEqual(["succeeded", 0, false]);
});

test("interim answers are passed over", async () => {
  const target = await startScriptedTarget(
    () => `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${ok}`,
  );
  const { response, result } = await startDispatcher().send(makeJob({ url: target.url }));
  expect([result, response?.status, response?.headers.length]).toEqual(["succeeded", 200, 1]);
});

test("a redirect is not followed", async () => {
  const target = await startScriptedTarget(
    () => "HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n",
  );
  const outcome = await startDispatcher().send(makeJob({ url: target.url }));
  expect(outcome).toMatchObject({
    result: "failed",
    retryable: false,
    error: { reason: "REDIRECT_REFUSED" },
    response: { status: 302 },
  });
  expect(target.requests).toHaveLength(1);
});

test.each([
  [503, true, "STATUS_RETRYABLE"],
  [404, false, "STATUS_PERMANENT"],
])("an answer of %i is failed with its response", async (status, retryable, reason) => {
  const target = await startScriptedTarget(() => `HTTP/1.1 ${status} X\r\ncontent-length: 3\r\n\r\nwhy`);
  const { response, ...outcome } = await startDispatcher().send(makeJob({ url: target.url }));
  expect(outcome).toMatchObject({ result: "failed", retryable, error: { reason } });
  expect([response?.status, bodyText(response)]).toEqual([status, "why"]);
});

test("a response of exactly the cap is whole", async () => {
  const target = await startHttpTarget((_request, response) => void response.end(Buffer.alloc(1000, "x")));
  const { response } = await startDispatcher({ responseCapBytes: 1000 }).send(makeJob({ url: target.url }));
  expect([response?.body.length, response?.truncated]).toEqual([1000, false]);
});

test("a response beyond the cap is cut there, its connection closed, and the status decides", async () => {
  const target = await startHttpTarget((_request, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536, "x")));
      response.once("drain", more);
    };
    more();
  });
  const { response, result } = await startDispatcher({ responseCapBytes: 100_000 }).send(
    makeJob({ url: target.url }),
  );
  expect([result, response?.body.length, response?.truncated]).toEqual(["succeeded", 100_000, true]);
  await expect.poll(() => target.sockets[0]?.closed).toBe(true);
});

test("a small response beyond the cap, with the end of its connection in the same packet, is cut", async () => {
  const target = await startScriptedTarget((_request, socket) => {
    socket.end("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello");
    return undefined;
  });
  const { response } = await startDispatcher({ responseCapBytes: 2 }).send(makeJob({ url: target.url }));
  expect([bodyText(response), response?.truncated]).toEqual(["he", true]);
});

test("the body of a response has its own memory", async () => {
  const target = await startScriptedTarget(() => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
  const { response } = await startDispatcher().send(makeJob({ url: target.url }));
  expect(response?.body.buffer.byteLength).toBe(2);
});

test("times of an outcome are in order", async () => {
  const target = await startScriptedTarget(() => ok);
  const before = Date.now();
  const { startTime, endTime } = await startDispatcher().send(makeJob({ url: target.url }));
  const times = [before, startTime, endTime, Date.now()];
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});
