/** Promise 3: whatever the target does to its connections, one attempt is one sending at the most, and the outcome is true. */
import type { Socket } from "node:net";
import { Pool } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { Exchange } from "../../server/src/dispatch/exchange.ts";
import { headerLines, makeJob, ok, startDispatcher, startScriptedTarget } from "./support.ts";

const misdeeds: ((socket: Socket) => void)[] = [
  (socket) => socket.write(ok),
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.end(),
  (socket) => socket.end(ok),
  (socket) => socket.write(ok, () => socket.resetAndDestroy()),
  (socket) => socket.end("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
  (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", () => socket.destroy()),
  (socket) => socket.write("garbage\r\n\r\n"),
  (socket) => socket.write(`${ok}${ok}`),
];

test.each(["POST", "GET"])(
  "2,000 attempts (%s) at a target that misbehaves arrive once at the most",
  async (method) => {
    const received = new Map<string, number>();
    const target = await startScriptedTarget((request, socket) => {
      const line = headerLines(request).find((header) => header.startsWith("idempotency-key: "))!;
      const uid = line.slice("idempotency-key: ".length);
      received.set(uid, (received.get(uid) ?? 0) + 1);
      misdeeds[Number(uid.slice(-4)) % misdeeds.length]!(socket);
      return undefined;
    });
    const dispatcher = startDispatcher({ maxConnectionsPerOrigin: 8 });
    const jobs = Array.from({ length: 2000 }, () => makeJob({ url: target.url, method }));
    const sending = jobs.map((job) => dispatcher.send(job));
    for (const job of jobs.filter((_job, i) => i % 50 === 0)) dispatcher.abort(job.key, job.attempt);
    const outcomes = await Promise.all(sending);

    const untrue = outcomes.flatMap(({ result, error }, i) => {
      const times = received.get(jobs[i]!.uid) ?? 0;
      const allowed = { succeeded: [1], failed: [1], "not-sent": [0], "outcome-unknown": [0, 1] }[result];
      return allowed.includes(times) ? [] : [{ result, times, error }];
    });
    expect(untrue).toEqual([]);
    expect([...received.values()].every((times) => times === 1)).toBe(true);
    const results = new Set(outcomes.map(({ result }) => result));
    expect(results).toEqual(new Set(["succeeded", "not-sent", "outcome-unknown"]));
    expect(dispatcher.active).toBe(0);
  },
);

test("an exchange that is started a second time is aborted, not sent again", async () => {
  const target = await startScriptedTarget(() => undefined);
  const pool = new Pool(target.url);
  onTestFinished(() => pool.destroy());
  const results: string[] = [];
  const exchange = new Exchange(0, makeJob({ url: target.url }), Date.now(), ({ result }) =>
    results.push(result),
  );
  pool.dispatch({ path: "/first", method: "GET" }, exchange);
  await expect.poll(() => target.requests.length).toBe(1);
  pool.dispatch({ path: "/again", method: "GET" }, exchange);
  await expect.poll(() => results).toEqual(["outcome-unknown"]);
  expect(target.requests).toHaveLength(1);
});
