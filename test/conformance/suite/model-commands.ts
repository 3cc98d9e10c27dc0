/** What the model of a store is given to do. */
import * as fc from "fast-check";
import type { AmbiguityPolicy } from "../../../server/src/job/job.ts";

type ValueOf<A> = A extends fc.Arbitrary<infer T> ? T : never;

/** Where jobs are sent to. */
const origins = ["http://one.test", "http://two.test"] as const;

/** The clock is even: what happens at the very moment is for other tests. */
const odd = (max: number): fc.Arbitrary<number> => fc.nat({ max }).map((n) => 2 * n + 1);

/** Due and expire times, and ages, are odd, the clock even: what happens at the very moment is for the tests of claim. */
const newJobs = fc.array(
  fc.record({
    name: fc.nat({ max: 40 }),
    priority: fc.constantFrom(0, 0, 5, 9),
    maxAttempts: fc.integer({ min: 1, max: 3 }),
    ambiguityPolicy: fc.constantFrom<AmbiguityPolicy>("retry", "retry", "fail", "hold"),
    dedupKey: fc.option(fc.constantFrom("a", "b"), { nil: undefined, freq: 2 }),
    dueIn: fc.option(odd(2000), { nil: undefined, freq: 3 }),
    isRelative: fc.boolean(),
    origin: fc.constantFrom(...origins),
    maxAgeMs: fc.option(odd(3000), { nil: undefined, freq: 2 }),
    expiresIn: fc.option(odd(3000), { nil: undefined, freq: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
);
const worker = fc.nat({ max: 1 });
const pick = fc.nat({ max: 1000 });

export const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("insert"),
      worker,
      jobs: newJobs,
      claimUpTo: fc.nat({ max: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("claim"), worker, limit: fc.nat({ max: 4 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("finish"),
      worker,
      pick,
      /** Added to the attempt's number: mostly the right one. */
      off: fc.constantFrom(0, 0, 0, 0, -1, 1),
      as: fc.constantFrom("SUCCEEDED", "FAILED", "HELD", "RETRYING", "RELEASED"),
      retryIn: odd(1500),
      /** For how long the target asks not to be called. */
      leaveAloneFor: fc.option(odd(4000), { nil: undefined, freq: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("begin"), worker, pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancel"), pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("retry"), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete"), pick }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("recover"), lost: fc.option(worker, { nil: undefined }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("renew"), worker }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("sweep"), retentionMs: odd(2000) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("wait"), by: fc.nat({ max: 2000 }).map((n) => 2 * n) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("jump"),
      by: fc.integer({ min: 200, max: 10_000 }).chain((n) => fc.constantFrom(2 * n, -2 * n)),
    }),
  },
);
export type Command = ValueOf<typeof command>;
export type CommandOf<K extends Command["kind"]> = Extract<Command, { kind: K }>;
