import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import type { NewJob } from "../../../server/src/job/job.ts";
import { isTerminal } from "../../../server/src/job/state.ts";
import type { InsertResult, Store } from "../../../server/src/store/store.ts";
import {
  bytes,
  get,
  jobIn,
  leaseMs,
  newJob,
  newJobs,
  noParts,
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

export interface ConcurrencyOptions {
  /** True if `reopen` gives another store with the same data, beside the first one. */
  readonly persists: boolean;
}

export function describeConcurrency(open: OpenStore, { persists }: ConcurrencyOptions): void {
  describe("calls at the same time", () => {
    describeSameIdentity(open, persists);
    describeSameRevision(open, persists);

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

/** Each of so many calls comes from the next worker, and these are spread over so many stores on the same data. */
const calls = 24;
const workers = 6;
const storesOpen = 3;
/** The order of calls is chance. */
const rounds = 5;

interface Caller {
  readonly store: Store;
  readonly worker: number;
}

async function openCallers(
  setting: { readonly store: Store; reopen(): Promise<Store> },
  persists: boolean,
): Promise<readonly Caller[]> {
  const stores = [setting.store];
  while (persists && stores.length < storesOpen) stores.push(await setting.reopen());
  return Promise.all(
    Array.from({ length: workers }, async (_, index) => {
      const store = stores[index % stores.length]!;
      return { store, worker: await registerWorker(store, `worker-${index}`) };
    }),
  );
}

/** All begin before the first one has its answer. Every other one may claim; every third one lets each job stand alone. */
async function insertAtOnce(
  callers: readonly Caller[],
  jobs: readonly NewJob[],
): Promise<readonly InsertResult[]> {
  const results = await Promise.all(
    jobs.map((job, index) => {
      const { store, worker } = callers[index % callers.length]!;
      return store.insert(worker, [job], start, { claimUpTo: index % 2, each: index % 3 === 0 });
    }),
  );
  return results.map((answers) => {
    expect(answers).toHaveLength(1);
    return answers[0]!;
  });
}

/** The one that was stored; the others' results are all as `other` has it. */
function expectOneStored(
  jobs: readonly NewJob[],
  results: readonly InsertResult[],
  other: (stored: NewJob, result: InsertResult & { kind: "stored" }) => object,
): NewJob {
  const places = results.flatMap(({ kind }, index) => (kind === "stored" ? [index] : []));
  expect(places).toHaveLength(1);
  const place = places[0]!;
  const expected = other(jobs[place]!, results[place] as InsertResult & { kind: "stored" });
  expect(results.filter((_, index) => index !== place)).toEqual(
    Array.from({ length: jobs.length - 1 }, () => expected),
  );
  return jobs[place]!;
}

function describeSameIdentity(open: OpenStore, persists: boolean): void {
  const idOf = (round: number): Uint8Array => bytes(`request ${round}`.padEnd(16, "."));
  const hashOf = (content: number): Uint8Array => bytes(`content ${content}`.padEnd(16, "."));

  const cases: readonly [
    name: string,
    changes: (index: number, round: number) => Partial<NewJob>,
    other: (stored: NewJob, result: InsertResult & { kind: "stored" }) => object,
  ][] = [
    [
      "with one request_id and the same content store one job, and answer all alike",
      (_, round) => ({ requestIdentity: { id: idOf(round), contentHash: hashOf(0) } }),
      ({ id, uid, createTime }, { key, revision, state }) => {
        return { kind: "repeated", key, revision, id, uid, createTime, state };
      },
    ],
    [
      "with one request_id and different content store one, and refuse the others",
      (index, round) => ({
        requestIdentity: { id: idOf(round), contentHash: hashOf(index) },
      }),
      () => ({ kind: "request-id-reused", index: 0 }),
    ],
    [
      "with one dedupKey store one, and name it to the others",
      (_, round) => ({ dedupKey: `key ${round}` }),
      ({ id, uid }, { state }) => ({ kind: "duplicate", id, uid, state }),
    ],
    [
      "with one id store one, and call it taken to the others",
      (_, round) => ({ id: `same-${round}` }),
      ({ id }) => ({ kind: "id-taken", id }),
    ],
  ];
  test.each(cases)("%s", async (_, changes, other) => {
    await using setting = await setUp(open);
    const callers = await openCallers(setting, persists);
    for (let round = 0; round < rounds; round++) {
      const jobs = Array.from({ length: calls }, (_, index) => newJob(changes(index, round)));
      const results = await insertAtOnce(callers, jobs);
      const { id, uid } = expectOneStored(jobs, results, other);
      for (const { store } of callers) {
        expect((await get(store, id, noParts)).uid).toBe(uid);
        expect(await store.depth()).toBe(round + 1);
      }
      const ids = new Set(jobs.map((job) => job.id));
      const found = await Promise.all([...ids].map((one) => setting.store.get(one, noParts)));
      expect(found.filter((job) => job !== undefined)).toHaveLength(1);
    }
  });
}

function describeSameRevision(open: OpenStore, persists: boolean): void {
  test("retry and cancel, with the revision that all of them know: one of them takes effect", async () => {
    await using setting = await setUp(open);
    const callers = await openCallers(setting, persists);
    for (let round = 0; round < rounds; round++) {
      const { id } = await jobIn(setting.store, callers[0]!.worker, "HELD");
      const { revision } = await get(setting.store, id, noParts);
      const depth = await setting.store.depth();
      const results = await Promise.all(
        Array.from({ length: calls }, (_, index) => {
          const { store } = callers[index % callers.length]!;
          // Who comes first takes turns.
          return index % 2 === round % 2
            ? store.retry(id, start, revision)
            : store.cancel(id, start, revision);
        }),
      );
      const [effect, ...more] = results.map(({ kind }) => kind).filter((kind) => kind !== "changed");
      expect(more).toEqual([]);
      expect(["restarted", "cancelled"]).toContain(effect);
      expect(await get(setting.store, id, noParts)).toMatchObject(
        effect === "restarted" ? { state: "QUEUED", runCount: 2 } : { state: "CANCELLED", runCount: 1 },
      );
      expect(await setting.store.depth()).toBe(effect === "restarted" ? depth : depth - 1);
      // No other job is to be claimed by the next one's insert, nor to keep it from it.
      await setting.store.cancel(id, start);
    }
  });
}
