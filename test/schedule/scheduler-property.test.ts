import fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { NewJob, Outcome } from "../../server/src/job/job.ts";
import { createMemoryDisk } from "../conformance/memory-store.ts";
import { newJob } from "../support/new-job.ts";
import { freezeTime, pass, refused, settle, setUp, start } from "./setting.ts";

const runs = Number(process.env["FIELDPOST_PROPERTY_RUNS"] ?? 20);

interface Plan {
  readonly afterMs: number;
  readonly delayMs: number;
  readonly worker: number;
  readonly priority: number;
  /** What each attempt takes and how it ends; the last one goes on for ever. */
  readonly attempts: readonly { readonly ms: number; readonly result: "ok" | "retry" | "no" }[];
}

const plans: fc.Arbitrary<Plan[]> = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 60 }),
    delayMs: fc.constantFrom(0, 0, 0, 40, 300),
    worker: fc.nat(1),
    priority: fc.constantFrom(0, 0, 5, 9),
    attempts: fc.array(
      fc.record({
        ms: fc.integer({ min: 1, max: 80 }),
        result: fc.constantFrom("ok", "ok", "retry", "retry", "no"),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
  { minLength: 1, maxLength: 25 },
);

const outcomes: { readonly [R in Plan["attempts"][number]["result"]]: Partial<Outcome> } = {
  ok: {},
  retry: refused,
  no: { result: "failed", retryable: false },
};

test("whatever comes, whenever it comes and however it ends: each job ends once, with the attempts it took, and no worker has more on its way than its capacity", async () => {
  freezeTime();
  await fc.assert(
    fc.asyncProperty(plans, fc.nat(1_000_000), async (list, seed) => {
      vi.setSystemTime(start);
      const disk = createMemoryDisk(seed);
      const byId = new Map<string, Plan>();
      const sent = new Map<string, number[]>();
      const settings = await Promise.all(
        [0, 1].map((index) => setUp({ seed: seed + index, disk, name: `worker-${index}`, capacity: 2 })),
      );
      for (const { scheduler, sender } of settings) {
        const send = sender.send.bind(sender);
        sender.send = (job) => {
          const numbers = sent.get(job.id) ?? [];
          sent.set(job.id, [...numbers, job.attempt]);
          const { attempts } = byId.get(job.id)!;
          const { ms, result } = attempts[Math.min(job.attempt, attempts.length) - 1]!;
          const outcome = send(job);
          setTimeout(() => void sender.sending(job.id).end({ ...outcomes[result], endTime: Date.now() }), ms);
          return outcome;
        };
        scheduler.start();
      }
      const jobs: NewJob[] = [];
      for (const plan of list) {
        await pass(plan.afterMs);
        const job = newJob({
          priority: plan.priority,
          scheduleTime: plan.delayMs === 0 ? undefined : Date.now() + plan.delayMs,
          retryPolicy: { initialBackoffMs: 30, maxBackoffMs: 30, multiplier: 1, jitter: "none" },
        });
        byId.set(job.id, plan);
        jobs.push(job);
        void settings[plan.worker]!.enqueue(job);
      }
      await settle();
      for (let waitedMs = 0; (await settings[0]!.store.depth()) > 0; waitedMs += 50) {
        if (waitedMs > 30_000) throw new Error("some job never ends");
        await pass(50);
      }
      for (const { scheduler, sender } of settings) {
        expect(sender.most).toBeLessThanOrEqual(2);
        expect(scheduler.active).toBe(0);
        await scheduler.stop();
      }
      for (const job of jobs) {
        const results = byId.get(job.id)!.attempts;
        const resultOf = (number: number): string => results[Math.min(number, results.length) - 1]!.result;
        let last = 1;
        while (resultOf(last) === "retry" && last < job.maxAttempts) last++;
        const record = await settings[0]!.store.get(job.id, new Set(["attempts"] as const));
        expect(record?.state).toBe(resultOf(last) === "ok" ? "SUCCEEDED" : "FAILED");
        expect(sent.get(job.id)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
        expect(record?.attempts?.map(({ number }) => number)).toEqual(sent.get(job.id));
      }
    }),
    { numRuns: runs },
  );
}, 120_000);
