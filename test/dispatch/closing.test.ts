/** Cancelling attempts and closing the dispatcher. */
import { expect, test } from "vitest";
import {
  allClosed,
  bodyText,
  makeJob,
  ok,
  refusedPort,
  startDispatcher,
  startScriptedTarget,
} from "./support.ts";

/** A target that answers only when told to. */
async function startHoldingTarget() {
  const held: (() => void)[] = [];
  const target = await startScriptedTarget((_request, socket) => {
    held.push(() => socket.write(ok));
    return undefined;
  });
  return { target, held };
}

test("an attempt that was sent and is aborted is outcome-unknown, its connection closed", async () => {
  const { target, held } = await startHoldingTarget();
  const dispatcher = startDispatcher();
  const job = makeJob({ url: target.url });
  const sending = dispatcher.send(job);
  await expect.poll(() => held.length).toBe(1);
  expect(dispatcher.abort(job.key, job.attempt)).toBe(true);
  expect(await sending).toMatchObject({
    result: "outcome-unknown",
    error: { reason: "CANCELLED", message: "cancelled before the target answered" },
  });
  expect(dispatcher.abort(job.key, job.attempt)).toBe(false);
  await allClosed(target.sockets);
});

test("an attempt that is aborted before it is connected is not-sent, and never arrives", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher({ maxConnectionsPerOrigin: 1 });
  const job = makeJob({ url: `${target.url}aborted` });
  const sending = dispatcher.send(job);
  dispatcher.abort(job.key, job.attempt);
  expect(await sending).toMatchObject({ result: "not-sent", error: { reason: "CANCELLED" } });
  expect((await dispatcher.send(makeJob({ url: `${target.url}next` }))).result).toBe("succeeded");
  expect(target.requests.map((request) => /\/(\w+)/.exec(request)?.[1])).toEqual(["next"]);
});

test("an attempt that is aborted in the middle of the body has its status", async () => {
  const target = await startScriptedTarget(() => "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
  const dispatcher = startDispatcher();
  const job = makeJob({ url: target.url });
  const sending = dispatcher.send(job);
  await expect.poll(() => target.sockets[0]?.bytesWritten).toBe(42);
  // One more round trip on another connection: by then the half has been read.
  await dispatcher.send(makeJob({ url: target.url }, { attemptTimeoutMs: 100 }));
  dispatcher.abort(job.key, job.attempt);
  const { response, result } = await sending;
  expect([result, bodyText(response), response?.truncated]).toEqual(["succeeded", "half", true]);
});

test("a signal cancels an attempt before and after it has begun", async () => {
  const { target, held } = await startHoldingTarget();
  const dispatcher = startDispatcher();
  const controller = new AbortController();
  const sending = dispatcher.send(makeJob({ url: target.url }), controller.signal);
  await expect.poll(() => held.length).toBe(1);
  controller.abort();
  expect(await sending).toMatchObject({ result: "outcome-unknown", error: { reason: "CANCELLED" } });
  expect(await dispatcher.send(makeJob({ url: target.url }), controller.signal)).toMatchObject({
    result: "not-sent",
    error: { reason: "CANCELLED" },
  });
  expect([target.requests.length, dispatcher.active]).toEqual([1, 0]);
});

test("a newer claim of the same job takes the place of the older one", async () => {
  const { target, held } = await startHoldingTarget();
  const dispatcher = startDispatcher();
  const job = makeJob({ url: target.url });
  const older = dispatcher.send(job);
  await expect.poll(() => held.length).toBe(1);
  const newer = dispatcher.send({ ...job, attempt: 2 });
  expect(await older).toMatchObject({ result: "outcome-unknown", error: { reason: "CANCELLED" } });
  expect(dispatcher.active).toBe(1);
  await expect.poll(() => held.length).toBe(2);
  held[1]!();
  expect((await newer).result).toBe("succeeded");
});

test("close lets what is in flight end, takes nothing more, and closes all connections", async () => {
  const { target, held } = await startHoldingTarget();
  const dispatcher = startDispatcher();
  const sending = dispatcher.send(makeJob({ url: target.url }));
  await expect.poll(() => held.length).toBe(1);
  const closed = dispatcher.close(20_000);
  expect(await dispatcher.send(makeJob({ url: target.url }))).toMatchObject({
    result: "not-sent",
    retryable: true,
    error: { reason: "SHUTDOWN", message: "the worker stopped before the request was sent" },
  });
  held[0]!();
  expect((await sending).result).toBe("succeeded");
  await closed;
  await allClosed(target.sockets);
  expect([target.requests.length, dispatcher.active]).toEqual([1, 0]);
});

test("close cuts what is in flight at its deadline, sent or not", async () => {
  const { target, held } = await startHoldingTarget();
  const dispatcher = startDispatcher({ maxConnectionsPerOrigin: 1 });
  const sent = dispatcher.send(makeJob({ url: target.url }));
  const waiting = dispatcher.send(makeJob({ url: target.url }));
  await expect.poll(() => held.length).toBe(1);
  await dispatcher.close(50);
  expect(await sent).toMatchObject({ result: "outcome-unknown", error: { reason: "SHUTDOWN" } });
  expect(await waiting).toMatchObject({ result: "not-sent", error: { reason: "SHUTDOWN" } });
  await allClosed(target.sockets);
  expect(target.requests).toHaveLength(1);
});

test("close may be called again with less time", async () => {
  const { target, held } = await startHoldingTarget();
  const dispatcher = startDispatcher();
  const sending = dispatcher.send(makeJob({ url: target.url }));
  await expect.poll(() => held.length).toBe(1);
  const closed = dispatcher.close(600_000);
  await dispatcher.close(0);
  await closed;
  expect((await sending).error?.reason).toBe("SHUTDOWN");
});

test("closing an idle dispatcher closes its kept connections", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher();
  await dispatcher.send(makeJob({ url: target.url }));
  await dispatcher.close(20_000);
  await allClosed(target.sockets);
  expect(target.sockets).toHaveLength(1);
});

test("nothing keeps the process busy once the dispatcher is closed", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher();
  const refused = `http://127.0.0.1:${await refusedPort()}/`;
  const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  await Promise.all([target.url, refused].map((url) => dispatcher.send(makeJob({ url }))));
  await dispatcher.close(20_000);
  await allClosed(target.sockets);
  const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  expect(timers).toBeLessThanOrEqual(before);
});
