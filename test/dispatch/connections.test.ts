/** Which connections there are, who shares them, and when they go. */
import { expect, onTestFinished, test } from "vitest";
import { openDispatcher } from "../../server/src/dispatch/dispatcher.ts";
import { openPools } from "../../server/src/dispatch/pools.ts";
import {
  allClosed,
  headerLines,
  makeJob,
  ok,
  startDispatcher,
  startHttpTarget,
  startScriptedTarget,
} from "./support.ts";

test("jobs one after the other use the kept connections", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher();
  for (let i = 0; i < 20; i++) await dispatcher.send(makeJob({ url: target.url, method: "POST" }));
  expect(target.requests).toHaveLength(20);
  // Two, since undici lets a connection rest for one turn of the event loop, and the next job does not wait for that.
  expect(target.sockets.length).toBeLessThanOrEqual(2);
});

test("1,000 jobs at once over 64 connections arrive exactly once each", async () => {
  const counts = new Map<string, number>();
  const target = await startHttpTarget((request, response) => {
    const key = String(request.headers["idempotency-key"]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    request.resume().on("end", () => response.end("done"));
  });
  const dispatcher = startDispatcher({ maxConnectionsPerOrigin: 64 });
  const jobs = Array.from({ length: 1000 }, () =>
    makeJob({ url: target.url, method: "POST", body: Buffer.from("x") }),
  );
  const outcomes = jobs.map((job) => dispatcher.send(job));
  expect(dispatcher.active).toBe(1000);
  expect(new Set((await Promise.all(outcomes)).map(({ result }) => result))).toEqual(new Set(["succeeded"]));
  expect([...counts.values()]).toEqual(Array(1000).fill(1));
  expect(new Set(counts.keys())).toEqual(new Set(jobs.map(({ uid }) => uid)));
  expect([target.sockets.length, dispatcher.active]).toEqual([64, 0]);
});

test("a kept connection that the target closed is replaced, and the job sent once", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher({ maxConnectionsPerOrigin: 1 });
  await dispatcher.send(makeJob({ url: target.url, method: "POST" }));
  target.sockets[0]!.end();
  await allClosed([target.sockets[0]!]);
  expect((await dispatcher.send(makeJob({ url: target.url, method: "POST" }))).result).toBe("succeeded");
  expect([target.requests.length, target.sockets.length]).toEqual([2, 2]);
});

test("an idle connection is closed when its time is over", async () => {
  const target = await startScriptedTarget(() => ok);
  const dispatcher = startDispatcher({ keepAliveMs: 50 });
  await dispatcher.send(makeJob({ url: target.url }));
  await allClosed(target.sockets);
  expect((await dispatcher.send(makeJob({ url: target.url }))).result).toBe("succeeded");
  expect(target.sockets).toHaveLength(2);
});

test("two source addresses share no connection, and the target sees each", async () => {
  const seen: [string, string | undefined][] = [];
  const target = await startScriptedTarget((request, socket) => {
    seen.push([/\/(\S*)/.exec(request)![1]!, socket.remoteAddress]);
    return ok;
  });
  const dispatcher = startDispatcher();
  for (const sourceAddress of ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"]) {
    const job = makeJob({ url: target.url + sourceAddress });
    expect((await dispatcher.send(job, undefined, { sourceAddress })).result).toBe("succeeded");
  }
  await dispatcher.send(makeJob({ url: `${target.url}127.0.0.1` }));
  expect(seen.map(([wanted, actual]) => wanted === actual)).toEqual(Array(5).fill(true));
  // The last one, without a source, has its own too: the system may choose another one tomorrow.
  expect(target.sockets).toHaveLength(3);
});

test("the pool that was used longest ago is closed to make room for a new origin", async () => {
  const targets = await Promise.all([1, 2, 3].map(() => startScriptedTarget(() => ok)));
  const [a, b, c] = targets as [(typeof targets)[0], (typeof targets)[0], (typeof targets)[0]];
  const dispatcher = startDispatcher({ maxOrigins: 2 });
  for (const { url } of [a, b, a, c]) await dispatcher.send(makeJob({ url }));
  await allClosed(b.sockets);
  for (const { url } of [a, c]) await dispatcher.send(makeJob({ url }));
  expect([a.sockets.length, b.sockets.length, c.sockets.length]).toEqual([1, 1, 1]);
});

test("a pool in use is not closed, and its number falls back to the bound", async () => {
  const pools = openPools({
    connectTimeoutMs: 1000,
    keepAliveMs: 1000,
    maxConnectionsPerOrigin: 1,
    maxOrigins: 2,
  });
  const lent = [1, 2, 3].map((port) => pools.lend(`http://127.0.0.1:${port}`, { sourceAddress: undefined }));
  expect(pools.size).toBe(3);
  expect(lent.map(({ pool }) => pool.destroyed)).toEqual([false, false, false]);
  for (const pool of lent) pools.giveBack(pool);
  pools.lend("http://127.0.0.1:4", { sourceAddress: undefined });
  expect(pools.size).toBe(2);
  expect(lent.map(({ pool }) => pool.destroyed)).toEqual([true, true, false]);
  await pools.close();
  expect(lent.map(({ pool }) => pool.destroyed)).toEqual([true, true, true]);
});

test("renewed pools have as many connections as the options say by then, and cut nothing", async () => {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  const target = await startHttpTarget((request, response) => {
    request.resume();
    if (isOpen) response.end("done");
    else waiting.push(() => response.end("done"));
  });
  const options = {
    ...{ responseCapBytes: 65_536, userAgent: "fieldpost/test", connectTimeoutMs: 1000, keepAliveMs: 20_000 },
    ...{ maxConnectionsPerOrigin: 1, maxOrigins: 10 },
  };
  const dispatcher = openDispatcher(options);
  onTestFinished(() => dispatcher.close(0));
  const send = (): Promise<string> =>
    dispatcher.send(makeJob({ url: target.url, method: "POST" })).then(({ result }) => result);
  const before = [send(), send()];
  await expect.poll(() => waiting.length).toBe(1);
  options.maxConnectionsPerOrigin = 3;
  dispatcher.renewPools();
  const after = [send(), send(), send(), send()];
  await expect.poll(() => waiting.length).toBe(4);
  expect(target.sockets).toHaveLength(4);
  isOpen = true;
  for (const answer of waiting) answer();
  expect(await Promise.all([...before, ...after])).toEqual(Array(6).fill("succeeded"));
  // The one that waited for the old connection was sent on it, and then that was closed.
  await allClosed([target.sockets[0]!]);
  expect(await send()).toBe("succeeded");
  expect(target.sockets).toHaveLength(4);
});

test("the connection of a HEAD is not used again", async () => {
  const target = await startScriptedTarget(() => ok);
  await startDispatcher().send(makeJob({ url: target.url, method: "HEAD" }));
  expect(headerLines(target.requests[0]!)).toContain("connection: close");
  await allClosed(target.sockets);
});
