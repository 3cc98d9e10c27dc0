import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { isTerminal } from "../../../server/src/job/state.ts";
import {
  get,
  leaseMs,
  newJobs,
  propertyRuns,
  propertyTimeoutMs,
  registerWorker,
  retriedAt,
  setUp,
  start,
  succeeded,
  type OpenStore,
} from "./setting.ts";

/** What one of the loops that run at the same time does in a step. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant("insert"),
    count: fc.integer({ min: 1, max: 4 }),
    claimUpTo: fc.nat({ max: 4 }),
  }),
  fc.record({ kind: fc.constant("claim"), limit: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant("finish"), retry: fc.boolean() }),
  fc.record({ kind: fc.constant("cancel"), pick: fc.nat() }),
  fc.record({ kind: fc.constant("recover") }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const loops = fc.array(fc.array(step, { minLength: 3, maxLength: 15, size: "max" }), {
  minLength: 2,
  maxLength: 5,
});

export function describeConcurrency(open: OpenStore): void {
  describe("calls at the same time", () => {
    test(
      "in any mixture give each attempt to one worker, and each job one end",
      async () => {
        await fc.assert(
          fc.asyncProperty(loops, async (plans) => {
            await using setting = await setUp(open);
            const { store } = setting;
            const all: string[] = [];
            const begun: string[] = [];
            const recorded = new Map<string, number>();
            let cancelled = 0;
            let recovered = 0;
            const renewed: boolean[] = [];

            const run = async (plan: readonly Step[], name: string) => {
              let worker = await registerWorker(store, name);
              let mine: { id: string; key: number; attempt: number }[] = [];
              const take = (job: { id: string; key: number; attempt: number }) => {
                begun.push(`${job.id} ${job.attempt}`);
                mine.push(job);
              };
              for (const next of plan) {
                if (next.kind === "insert") {
                  const jobs = newJobs(next.count, { maxAttempts: 1000 });
                  const results = await store.insert(worker, jobs, start, { claimUpTo: next.claimUpTo });
                  for (const [index, { id }] of jobs.entries()) {
                    all.push(id);
                    const result = results[index];
                    if (result?.kind === "stored" && result.claimed)
                      take({ id, key: result.key, attempt: 1 });
                  }
                } else if (next.kind === "claim") {
                  for (const { id, key, attempt } of (await store.claim(worker, next.limit, start)).jobs) {
                    take({ id, key, attempt });
                  }
                } else if (next.kind === "finish") {
                  const finished = mine.map((job) => (next.retry ? retriedAt(start, job) : succeeded(job)));
                  for (const [index, result] of (await store.finish(worker, finished)).entries()) {
                    const id = mine[index]?.id ?? "";
                    if (result === "recorded") recorded.set(id, (recorded.get(id) ?? 0) + 1);
                  }
                  mine = [];
                } else if (next.kind === "cancel") {
                  const id = all[next.pick % Math.max(1, all.length)];
                  if (id !== undefined && (await store.cancel(id, start)).kind === "cancelled") cancelled++;
                } else {
                  // It declares itself lost, and goes on as a new worker that still believes in its old attempts.
                  const result = await store.recover({ now: start, lost: [name] });
                  recovered += result.requeued;
                  renewed.push(await store.renewLease(worker, start, leaseMs));
                  worker = await registerWorker(store, name);
                }
              }
            };
            await Promise.all(plans.map((plan, index) => run(plan, `worker-${index}`)));

            expect(renewed).not.toContain(true);
            expect(new Set(begun).size).toBe(begun.length);
            const records = await Promise.all(all.map((id) => get(store, id)));
            const ended = records.filter((record) => isTerminal(record.state));
            expect(ended.filter((record) => record.state === "CANCELLED")).toHaveLength(cancelled);
            expect(await store.depth()).toBe(records.length - ended.length);
            const attempts = records.flatMap((record) => record.attempts ?? []);
            const lost = attempts.filter((attempt) => attempt.result === "outcome-unknown");
            // Those of cancelled jobs are recorded, too, and nothing follows from them.
            expect(lost.length).toBeGreaterThanOrEqual(recovered);
            expect(lost.length).toBeLessThanOrEqual(recovered + cancelled);
            for (const record of records) {
              const numbers = record.attempts?.map((attempt) => attempt.number) ?? [];
              expect(numbers).toEqual(numbers.map((_, index) => index + 1));
              const reported = record.attempts?.filter((attempt) => attempt.result !== "outcome-unknown");
              expect(reported).toHaveLength(recorded.get(record.id) ?? 0);
              expect(begun.filter((entry) => entry.startsWith(`${record.id} `))).toHaveLength(
                record.attemptCount,
              );
            }
          }),
          { numRuns: propertyRuns },
        );
      },
      propertyTimeoutMs,
    );
  });
}
