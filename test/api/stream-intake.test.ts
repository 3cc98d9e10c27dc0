import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { Intake } from "../../server/src/api/stream-intake.ts";
import type { Incoming } from "../../server/src/api/stream-intake.ts";
import { RelayError } from "../../server/src/job/error.ts";

const limit = { messages: 10, bytes: 1000 };
const weigh = (message: number): number => message;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A real stream of objects, and how many of them were read. */
function source(messages: readonly number[]) {
  const stream = new PassThrough({ objectMode: true, highWaterMark: 1 });
  let given = 0;
  void (async () => {
    for (const message of messages) {
      if (!stream.write(message)) await new Promise((resolve) => stream.once("drain", resolve));
      given++;
    }
    stream.end();
  })();
  return { stream: stream as unknown as Incoming<number>, raw: stream, given: () => given };
}

describe("an intake", () => {
  test("reads no further than the next group while one is in use", async () => {
    const { stream, given } = source(Array.from({ length: 100 }, () => 1));
    const groups = new Intake(stream).groups(limit, weigh);
    const first = await groups.next();
    for (let i = 0; i < 200; i++) await turn();
    // Those in the stream's own buffers come on top.
    expect(given()).toBeLessThanOrEqual(first.value!.length + limit.messages + 3);
    expect((await groups.next()).value).toHaveLength(limit.messages);
  });

  test("hands everything out once, in order, in groups within the limit", async () => {
    const messages = Array.from({ length: 500 }, (_, index) => (index % 7) * 60);
    const { stream } = source(messages);
    const seen: number[] = [];
    for await (const group of new Intake(stream).groups(limit, weigh)) {
      expect(group.length).toBeLessThanOrEqual(limit.messages);
      expect(group.length === 1 || group.reduce((sum, one) => sum + one) <= limit.bytes).toBe(true);
      seen.push(...group);
      await turn();
    }
    expect(seen).toEqual(messages);
  });

  test("takes a message that is larger than a group may be", async () => {
    const { stream } = source([5000, 1, 5000]);
    const sizes: number[] = [];
    for await (const group of new Intake(stream).groups(limit, weigh)) sizes.push(...group);
    expect(sizes).toEqual([5000, 1, 5000]);
  });

  test("that is stopped hands out what it has read, then says why", async () => {
    const { stream } = source(Array.from({ length: 100 }, () => 1));
    const intake = new Intake(stream);
    const groups = intake.groups(limit, weigh);
    let read = (await groups.next()).value!.length;
    for (let i = 0; i < 50; i++) await turn();
    intake.stop(new RelayError("UNAVAILABLE", "the worker ends", { reason: "DRAINING" }));
    const rest = async (): Promise<void> => {
      for await (const group of groups) read += group.length;
    };
    await expect(rest()).rejects.toThrow("the worker ends");
    expect(read).toBeGreaterThan(limit.messages);
    expect(read).toBeLessThan(100);
  });

  test("whose caller is gone hands out nothing more", async () => {
    const { stream, raw } = source(Array.from({ length: 100 }, () => 1));
    const intake = new Intake(stream);
    const groups = intake.groups(limit, weigh);
    await groups.next();
    for (let i = 0; i < 50; i++) await turn();
    raw.destroy();
    await new Promise((resolve) => raw.once("close", resolve));
    expect(await groups.next()).toEqual({ done: true, value: undefined });
    expect(intake.isCancelled).toBe(true);
  });
});
