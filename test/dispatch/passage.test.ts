/** What an attempt is known to have come through, over real sockets. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { makeJob, ok, refusedPort, startDispatcher, startRawTarget, startScriptedTarget } from "./support.ts";

test("an attempt tells its connection's steps, ends and bytes; on a kept one, only its own", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher();
  const job = { method: "POST", body: Buffer.from("hello") };
  const first = await dispatcher.send(makeJob({ ...job, url: `http://localhost:${target.port}/` }));
  const local = `127.0.0.1:${target.sockets[0]!.remotePort}`;
  const remote = `127.0.0.1:${target.port}`;
  const { passage, startTime, endTime } = first;
  expect(passage).toMatchObject({
    localAddress: local,
    remoteAddress: remote,
    sentBytes: target.requests[0]!.length,
    receivedBytes: ok.length,
    tlsTime: undefined,
    retryAfterTime: undefined,
  });
  const { resolveTime, connectTime, sendTime, firstByteTime } = passage!;
  const inOrder = [startTime, resolveTime, connectTime, sendTime, firstByteTime, endTime];
  expect(inOrder).toEqual(inOrder.toSorted((one, other) => one! - other!));
  expect(inOrder).not.toContain(undefined);

  // The next one may begin in the same millisecond.
  do await nextTurn();
  while (Date.now() <= endTime);
  const second = await dispatcher.send(makeJob({ ...job, url: `http://localhost:${target.port}/` }));
  expect(target.sockets).toHaveLength(1);
  expect(second.passage).toMatchObject({
    localAddress: local,
    remoteAddress: remote,
    sentBytes: target.requests[1]!.length,
    receivedBytes: ok.length,
    resolveTime: undefined,
    connectTime: undefined,
  });
});

test("attempts that run at once each tell the connection that is theirs", async () => {
  const target = await startScriptedTarget((_, socket) => {
    const body = String(socket.remotePort);
    return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  });
  const dispatcher = startDispatcher();
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      dispatcher.send(makeJob({ url: target.url, method: "POST", body: Buffer.alloc(index) })),
    ),
  );
  for (const { passage, response } of outcomes) {
    expect(passage!.localAddress).toBe(`127.0.0.1:${Buffer.from(response!.body).toString()}`);
  }
  const sent = outcomes.map(({ passage }) => passage!.sentBytes!);
  const total = target.requests.reduce((sum, request) => sum + request.length, 0);
  expect(sent.reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
});

test("one that got no connection tells what it tried, and nothing more", async () => {
  const port = await refusedPort();
  const { passage } = await startDispatcher().send(makeJob({ url: `http://127.0.0.1:${port}/` }));
  expect(passage).toEqual({ remoteAddress: `127.0.0.1:${port}` });
});

test("one whose connection broke tells how far it came", async () => {
  const target = await startRawTarget((socket) => socket.once("data", () => socket.destroy()));
  const { passage, result } = await startDispatcher().send(makeJob({ url: target.url }));
  expect(result).toBe("outcome-unknown");
  expect(passage).toMatchObject({ remoteAddress: `127.0.0.1:${target.port}`, receivedBytes: 0 });
  expect(passage!.sendTime).toBeDefined();
  expect(passage!.firstByteTime).toBeUndefined();
  expect(passage!.sentBytes).toBeGreaterThan(0);
});

test.each([
  [503, "2", 2000],
  [429, "86400000", 86_400_000_000],
  [200, "2", undefined],
  [404, "2", undefined],
  [503, "0", undefined],
  [503, "soon", undefined],
])("of %i with Retry-After %s, the job hears %s", async (status, value, delayMs) => {
  const target = await startScriptedTarget(
    () => `HTTP/1.1 ${status} X\r\nretry-after: ${value}\r\ncontent-length: 0\r\n\r\n`,
  );
  const { passage, startTime, endTime } = await startDispatcher().send(makeJob({ url: target.url }));
  if (delayMs === undefined) expect(passage!.retryAfterTime).toBeUndefined();
  else {
    expect(passage!.retryAfterTime).toBeGreaterThanOrEqual(startTime + delayMs);
    expect(passage!.retryAfterTime).toBeLessThanOrEqual(endTime + delayMs);
  }
});

test("the statuses that a job wants to be tried again are, and no others", async () => {
  let status = 0;
  const target = await startScriptedTarget(() => `HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`);
  const dispatcher = startDispatcher();
  const retryPolicy = {
    ...{ initialBackoffMs: 1, maxBackoffMs: 1, multiplier: 1, jitter: "none" as const },
    retryStatuses: [
      { first: 302, last: 302 },
      { first: 404, last: 409 },
    ],
  };
  const retried: number[] = [];
  for (status of [301, 302, 303, 400, 404, 409, 410, 429, 500, 503, 200]) {
    if ((await dispatcher.send(makeJob({ url: target.url }, { retryPolicy }))).retryable)
      retried.push(status);
  }
  expect(retried).toEqual([302, 404, 409]);
});
