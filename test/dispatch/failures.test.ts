/** What the relay says of an attempt that got no whole answer, and that it never sends one twice. */
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import {
  bodyText,
  makeJob,
  ok,
  readRequests,
  refusedPort,
  startDispatcher,
  startRawTarget,
  startScriptedTarget,
} from "./support.ts";

function post(url: string, rest: Parameters<typeof makeJob>[1] = {}): ReturnType<typeof makeJob> {
  return makeJob({ url, method: "POST", body: Buffer.from("once") }, rest);
}

test("a refused connection is not-sent", async () => {
  const port = await refusedPort();
  expect(await startDispatcher().send(post(`http://127.0.0.1:${port}/`))).toMatchObject({
    result: "not-sent",
    retryable: true,
    error: { reason: "CONN_REFUSED", message: `connect ECONNREFUSED 127.0.0.1:${port}` },
    response: undefined,
  });
});

test("a name that does not resolve is not-sent", async () => {
  const outcome = await startDispatcher().send(post("http://nobody.invalid/"));
  expect(outcome.result).toBe("not-sent");
  // Without any name server the system cannot even say that there is no such name.
  expect(["DNS_NXDOMAIN", "DNS_FAIL"]).toContain(outcome.error?.reason);
});

test("a source address that is not this machine's is not-sent", async () => {
  const target = await startScriptedTarget(() => ok);
  const outcome = await startDispatcher().send(post(target.url), undefined, { sourceAddress: "192.0.2.1" });
  expect(outcome).toMatchObject({ result: "not-sent", error: { reason: "LOCAL_BIND" } });
  expect(target.sockets).toHaveLength(0);
});

test("a source address of the other family is not-sent", async () => {
  const target = await startScriptedTarget(() => ok);
  const outcome = await startDispatcher().send(post(target.url), undefined, { sourceAddress: "::1" });
  expect(outcome).toMatchObject({ result: "not-sent", error: { reason: "LOCAL_BIND" } });
});

test.each([
  ["reset", (socket: Socket) => socket.resetAndDestroy()],
  ["closed", (socket: Socket) => socket.end()],
])("a connection %s without an answer is outcome-unknown, and nothing is sent again", async (_how, end) => {
  for (const method of ["POST", "GET"]) {
    const requests: string[] = [];
    const target = await startRawTarget((socket) =>
      readRequests(socket, (request) => {
        requests.push(request);
        end(socket);
      }),
    );
    const dispatcher = startDispatcher();
    const outcome = await dispatcher.send(makeJob({ url: target.url, method }));
    expect(outcome).toMatchObject({
      result: "outcome-unknown",
      retryable: true,
      error: { reason: "CONN_RESET" },
      response: undefined,
    });
    // Sending again would have happened by the time another job has gone through the same pool.
    await dispatcher.send(makeJob({ url: target.url, method: "PUT" }));
    expect(requests.map((request) => request.slice(0, request.indexOf(" ")))).toEqual([method, "PUT"]);
  }
});

test("a POST on a kept connection that is reset after the request came is not sent again", async () => {
  const target = await startScriptedTarget((request, socket) => {
    if (request.includes("fieldpost-attempt: 1/")) return ok;
    socket.resetAndDestroy();
    return undefined;
  });
  const dispatcher = startDispatcher({ maxConnectionsPerOrigin: 1 });
  await dispatcher.send(post(target.url));
  const outcome = await dispatcher.send(post(target.url, { attempt: 2 }));
  expect(outcome).toMatchObject({ result: "outcome-unknown", error: { reason: "CONN_RESET" } });
  await dispatcher.send(post(target.url));
  expect(target.requests.map((request) => /attempt: (\d)/.exec(request)?.[1])).toEqual(["1", "2", "1"]);
});

test("jobs that wait behind one whose connection is reset are sent once each", async () => {
  const target = await startScriptedTarget((request, socket) => {
    if (!request.includes("/first")) return ok;
    socket.resetAndDestroy();
    return undefined;
  });
  const dispatcher = startDispatcher({ maxConnectionsPerOrigin: 1 });
  const paths = ["first", "second", "third"];
  const outcomes = await Promise.all(paths.map((path) => dispatcher.send(post(target.url + path))));
  expect(outcomes.map(({ result }) => result)).toEqual(["outcome-unknown", "succeeded", "succeeded"]);
  expect(target.requests.map((request) => /\/(\w+)/.exec(request)?.[1])).toEqual(paths);
});

test("a status decides though the connection is lost in the middle of the body", async () => {
  const target = await startScriptedTarget((_request, socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", () => socket.destroy());
    return undefined;
  });
  const { response, ...outcome } = await startDispatcher().send(post(target.url));
  expect(outcome).toMatchObject({ result: "succeeded", error: undefined });
  expect([bodyText(response), response?.truncated]).toEqual(["half", true]);
});

test("a status decides though the body's chunks are garbage", async () => {
  const target = await startScriptedTarget(
    () => "HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\nzzz\r\n",
  );
  const { response, ...outcome } = await startDispatcher().send(post(target.url));
  expect(outcome).toMatchObject({ result: "failed", error: { reason: "STATUS_RETRYABLE" } });
  expect([bodyText(response), response?.truncated]).toEqual(["hi", true]);
});

test.each([
  ["garbage", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["a status below 100", "HTTP/1.1 099 Odd\r\n\r\n"],
  ["a header without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n"],
  ["headers without end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`],
  ["101", "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: odd\r\n\r\n"],
  ["101 without upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  // undici takes an unasked 100 for a fault (client-h1.js, onHeadersComplete), though RFC 9110 says to pass over it.
  ["100 that nobody asked for", `HTTP/1.1 100 Continue\r\n\r\n${ok}`],
])("%s in place of an answer is outcome-unknown for PROTOCOL", async (_what, answer) => {
  const target = await startScriptedTarget(() => answer);
  const outcome = await startDispatcher().send(post(target.url));
  expect(outcome).toMatchObject({
    result: "outcome-unknown",
    retryable: true,
    error: { reason: "PROTOCOL" },
    response: undefined,
  });
  expect(target.requests).toHaveLength(1);
});

test("a target that never answers is outcome-unknown when the attempt's time is over", async () => {
  const target = await startScriptedTarget(() => undefined);
  const dispatcher = startDispatcher();
  const outcome = await dispatcher.send(post(target.url, { attemptTimeoutMs: 100 }));
  expect(outcome).toMatchObject({
    result: "outcome-unknown",
    error: {
      reason: "TOTAL_TIMEOUT",
      message: "the attempt's 100 ms were over before the target answered",
    },
  });
  expect([target.requests.length, dispatcher.active]).toEqual([1, 0]);
  await expect.poll(() => target.sockets[0]?.closed).toBe(true);
});

test("a status decides though the attempt's time is over before the body came whole", async () => {
  const target = await startScriptedTarget(() => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
  const { response, result } = await startDispatcher().send(post(target.url, { attemptTimeoutMs: 200 }));
  expect([result, bodyText(response), response?.truncated]).toEqual(["succeeded", "half", true]);
});

test("a job whose time is over while it waits for a connection is not-sent, then and later", async () => {
  const held: (() => void)[] = [];
  const target = await startScriptedTarget((_request, socket) => {
    held.push(() => socket.write(ok));
    return undefined;
  });
  const dispatcher = startDispatcher({ maxConnectionsPerOrigin: 1 });
  const first = dispatcher.send(post(`${target.url}first`));
  const waiting = await dispatcher.send(post(`${target.url}waiting`, { attemptTimeoutMs: 100 }));
  expect(waiting).toMatchObject({ result: "not-sent", retryable: true, error: { reason: "TOTAL_TIMEOUT" } });
  const last = dispatcher.send(post(`${target.url}last`));
  held[0]!();
  expect((await first).result).toBe("succeeded");
  await expect.poll(() => held.length).toBe(2);
  held[1]!();
  expect((await last).result).toBe("succeeded");
  expect(target.requests.map((request) => /\/(\w+)/.exec(request)?.[1])).toEqual(["first", "last"]);
});

test("a request that undici refuses fails for good and harms no other", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher();
  const headers = [{ name: "x", value: "snow ☃" }];
  expect(await dispatcher.send(makeJob({ url: target.url, headers }))).toMatchObject({
    result: "failed",
    retryable: false,
    error: { reason: "PROTOCOL", message: "the request cannot be sent: invalid x header" },
  });
  expect(await dispatcher.send(makeJob({ url: "gopher://127.0.0.1/" }))).toMatchObject({
    result: "failed",
    retryable: false,
  });
  expect((await dispatcher.send(post(target.url))).result).toBe("succeeded");
  expect(dispatcher.active).toBe(0);
});
