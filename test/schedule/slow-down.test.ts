/** What a scheduler does when a target asks to be left alone. */
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Outcome } from "../../server/src/job/job.ts";
import { newJob } from "../support/new-job.ts";
import { freezeTime, pass, setUp, settle, start } from "./setting.ts";

function tooMany(retryAfterTime: number): Partial<Outcome> {
  return {
    ...{ result: "failed", retryable: true },
    error: { reason: "STATUS_RETRYABLE", message: "the target answered 429" },
    passage: { retryAfterTime },
  };
}

function jobFor(url: string) {
  const job = newJob();
  return { ...job, request: { ...job.request, url } };
}

describe("a scheduler whose target answers with Retry-After", () => {
  test("tries that job again no sooner, and no other of that target, while others go on", async () => {
    freezeTime();
    const { scheduler, sender, enqueue, slowed } = await setUp();
    scheduler.start();
    const [first, second] = [jobFor("http://slow.test/a"), jobFor("http://slow.test/b")];
    await enqueue(first);
    await settle();
    await sender.sending(first.id).end(tooMany(start + 30_000));
    expect(slowed).toEqual(["http://slow.test"]);
    const other = jobFor("http://quick.test/");
    await enqueue(second, other);
    await pass(5000);
    expect(sender.underWay.map(({ job }) => job.id)).toEqual([other.id]);
    await pass(24_000);
    expect(sender.underWay).toHaveLength(1);
    await pass(2000);
    expect(sender.underWay.map(({ job }) => job.id).toSorted()).toEqual(
      [first.id, second.id, other.id].toSorted(),
    );
  });

  test("gives back what it has claimed ahead for it, uncounted", async () => {
    freezeTime();
    const { scheduler, sender, store, worker } = await setUp({ capacity: 1 });
    const now = vi.spyOn(performance, "now").mockReturnValue(1000);
    onTestFinished(() => now.mockRestore());
    scheduler.start();
    await settle();
    const jobs = Array.from({ length: 8 }, (_, index) => jobFor(`http://slow.test/${index}`));
    await store.insert(worker, jobs, start, { claimUpTo: 0 });
    scheduler.wake();
    await settle();
    for (let ended = 0; ended < 3; ended++) await sender.underWay[0]!.end();
    const claimed = scheduler.active;
    expect(claimed).toBeGreaterThan(1);
    await sender.underWay[0]!.end(tooMany(start + 60_000));
    const sent = sender.sent.length;
    // One place was free before the store knew.
    for (const sending of sender.underWay) await sending.end(tooMany(start + 60_000));
    await pass(5000);
    expect(sender.sent.length).toBeLessThanOrEqual(sent + 1);
    expect(scheduler.active).toBe(0);
    const records = await Promise.all(jobs.map(({ id }) => store.get(id, new Set(["attempts"]))));
    for (const record of records) {
      expect(record!.attempts).toHaveLength(record!.attemptCount);
      if (record!.state !== "SUCCEEDED")
        expect(record!.nextAttemptTime).toBeGreaterThanOrEqual(start + 60_000);
    }
  });

  test("heeds what another worker heard", async () => {
    freezeTime();
    const { scheduler, slowed } = await setUp();
    scheduler.start();
    await settle();
    scheduler.slowDown("http://slow.test");
    expect(scheduler.active).toBe(0);
    expect(slowed).toEqual([]);
  });
});
