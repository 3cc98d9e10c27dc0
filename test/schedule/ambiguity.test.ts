/** What a scheduler does with jobs that may not be sent again in doubt. */
import { describe, expect, test } from "vitest";
import { newJob } from "../support/new-job.ts";
import { freezeTime, setUp, settle, start } from "./setting.ts";

const unknown = {
  result: "outcome-unknown",
  retryable: true,
  error: { reason: "CONN_RESET", message: "reset" },
} as const;

describe("a scheduler", () => {
  test.each([
    ["fail", "FAILED"],
    ["hold", "HELD"],
  ] as const)(
    "with the ambiguity policy %s has the attempt noted before it sends it",
    async (policy, ended) => {
      freezeTime();
      let note = Promise.withResolvers<"recorded">();
      const noted: unknown[] = [];
      const { scheduler, sender, enqueue, stateOf } = await setUp({
        wrap: (kept) => ({
          begin: async (...args) => {
            noted.push(args);
            await note.promise;
            return kept.begin(...args);
          },
        }),
      });
      scheduler.start();
      const job = newJob({ ambiguityPolicy: policy });
      await enqueue(job);
      await settle();
      expect(noted).toHaveLength(1);
      expect(sender.underWay).toEqual([]);
      note.resolve("recorded");
      await settle();
      await sender.sending(job.id).end(unknown);
      expect(await stateOf(job.id)).toBe(ended);
      note = Promise.withResolvers();
    },
  );

  test("with the ambiguity policy retry notes nothing before", async () => {
    freezeTime();
    const { scheduler, sender, enqueue } = await setUp({
      wrap: () => ({ begin: () => Promise.reject(new Error("asked")) }),
    });
    scheduler.start();
    await enqueue(newJob());
    await settle();
    expect(sender.underWay).toHaveLength(1);
  });

  test("sends nothing when the job was cancelled before the attempt was noted, and records that", async () => {
    freezeTime();
    const note = Promise.withResolvers<undefined>();
    const { scheduler, sender, enqueue, store } = await setUp({
      wrap: (kept) => ({
        begin: async (...args) => {
          await note.promise;
          return kept.begin(...args);
        },
      }),
    });
    scheduler.start();
    const job = newJob({ ambiguityPolicy: "hold" });
    await enqueue(job);
    await settle();
    const result = await store.cancel(job.id, start);
    if (result.kind !== "cancelled") throw new Error(result.kind);
    scheduler.cancel(result.job.key, 1);
    note.resolve(undefined);
    await settle();
    expect(sender.sent).toEqual([]);
    expect(await store.isSending(result.job.key)).toBe(false);
    expect(await store.get(job.id, new Set(["attempts"]))).toMatchObject({
      state: "CANCELLED",
      attempts: [{ number: 1, result: "not-sent", error: { reason: "CANCELLED" } }],
    });
  });

  test("sends nothing when the job was cancelled while the attempt was noted", async () => {
    freezeTime();
    const { scheduler, sender, enqueue, store } = await setUp({
      wrap: (kept) => ({
        begin: async (worker, key, attempt) => {
          const begun = await kept.begin(worker, key, attempt);
          await kept.cancel(job.id, start);
          scheduler.cancel(key, attempt);
          return begun;
        },
      }),
    });
    const job = newJob({ ambiguityPolicy: "fail" });
    scheduler.start();
    await enqueue(job);
    await settle();
    expect(sender.sent).toEqual([]);
    expect(await store.get(job.id, new Set(["attempts"]))).toMatchObject({
      attempts: [{ result: "not-sent" }],
    });
    expect(scheduler.active).toBe(0);
  });
});
