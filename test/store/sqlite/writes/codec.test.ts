/** What goes to the writing thread comes out there as it went in, and so do the answers. */
import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jobStates } from "../../../../server/src/job/state.ts";
import type { ClaimedRow, FinishedRow, NewJobRow } from "../../../../server/src/store/sqlite/rows.ts";
import type { Answer } from "../../../../server/src/store/sqlite/thread-side.ts";
import { writeCodec } from "../../../../server/src/store/sqlite/writes/codec.ts";
import type { WriteOperation } from "../../../../server/src/store/sqlite/writes/operations.ts";

const text = fc.string({ unit: "binary", maxLength: 20 });
const textOrNull = fc.option(text);
const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
const count = fc.nat();
// Some go beyond what is copied, so that memory is handed over.
const blob = fc.option(
  fc.oneof(
    { weight: 20, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(65_535, 65_536, 200_000)
        .map((length) => new Uint8Array(length).fill(length & 0xff)),
    },
  ),
);

const spec = {
  method: text,
  url: text,
  headers: text,
  parameters: textOrNull,
  retry: text,
  attemptTimeout: count,
  labels: textOrNull,
  traceparent: text,
  tracestate: text,
  body: blob,
};
const newJob: fc.Arbitrary<NewJobRow> = fc.record({
  id: text,
  uid: textOrNull,
  queue: text,
  priority: fc.integer({ min: 0, max: 9 }),
  createTime: time,
  scheduleTime: fc.option(time),
  expireTime: fc.option(time),
  maxAttempts: count,
  dedupKey: textOrNull,
  ambiguity: count,
  isAging: count,
  retention: fc.option(time),
  isRelative: count,
  requestId: blob,
  contentHash: blob,
  ...spec,
});
const claimed: fc.Arbitrary<ClaimedRow> = fc.record({
  key: count,
  id: text,
  uid: textOrNull,
  queue: text,
  attemptCount: count,
  maxAttempts: count,
  attemptsBefore: count,
  ambiguity: count,
  dueTime: time,
  runTime: fc.option(time),
  createTime: time,
  expireTime: fc.option(time),
  ...spec,
});
const finished: fc.Arbitrary<FinishedRow> = fc.record({
  key: count,
  attempt: count,
  next: fc.constantFrom("SUCCEEDED", "FAILED", "HELD", "RETRYING", "RELEASED"),
  nextAttemptTime: fc.option(time),
  result: fc.constantFrom("succeeded", "failed", "not-sent", "outcome-unknown"),
  startTime: time,
  endTime: time,
  httpStatus: count,
  worker: text,
  errorReason: textOrNull,
  errorMessage: textOrNull,
  responseHeaders: textOrNull,
  responseTruncated: fc.constantFrom(0, 1, null),
  responseBody: blob,
  passage: textOrNull,
  slowOrigin: textOrNull,
  slowUntil: fc.option(time),
});
const inserted = count.chain((key) =>
  fc.oneof(
    fc.record({
      kind: fc.constant("stored" as const),
      key: fc.constant(key),
      revision: fc.constant(key),
      state: fc.constantFrom(...jobStates),
      claimed: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("repeated" as const),
      ...{ key: fc.constant(key), revision: fc.constant(key), id: text, uid: text },
      ...{ createTime: time, state: fc.constantFrom(...jobStates) },
    }),
    fc.record({
      kind: fc.constant("duplicate" as const),
      ...{ id: text, uid: text, state: fc.constantFrom(...jobStates) },
    }),
    fc.record({ kind: fc.constant("request-id-reused" as const), index: count }),
    fc.record({ kind: fc.constantFrom("id-taken" as const, "under-way" as const), id: text }),
    fc.record({ kind: fc.constant("full" as const), depth: count, limit: count }),
  ),
);

const failure: fc.Arbitrary<Answer> = fc.record({
  failure: fc.record({
    message: text,
    code: fc.option(count, { nil: undefined }),
    kind: fc.constantFrom("refused", "failed"),
  }),
});
const value = (of: fc.Arbitrary<unknown>): fc.Arbitrary<Answer> =>
  fc.oneof(
    { weight: 4, arbitrary: of.map((found) => ({ value: found })) },
    { weight: 1, arbitrary: failure },
  );

const worker = fc.nat();
const call: fc.Arbitrary<{ operation: WriteOperation; answer: Answer }> = fc.oneof(
  fc.record({
    operation: fc.record({
      kind: fc.constant("insert" as const),
      worker,
      now: time,
      claimUpTo: count,
      maxDepth: count,
      each: fc.boolean(),
      stage: count,
      jobs: fc.array(newJob, { maxLength: 4 }),
    }),
    answer: value(fc.option(fc.array(inserted, { maxLength: 4 }), { nil: undefined, freq: 9 })),
  }),
  fc.record({
    operation: fc.record({ kind: fc.constant("claim" as const), worker, limit: count, now: time }),
    answer: value(
      fc.record({
        rows: fc.array(claimed, { maxLength: 4 }),
        nextDueTime: fc.option(time),
        dueLeft: fc.option(count),
      }),
    ),
  }),
  fc.record({
    operation: fc.record({
      kind: fc.constant("finish" as const),
      worker,
      attempts: fc.array(finished, { maxLength: 4 }),
    }),
    answer: value(fc.array(fc.constantFrom("recorded", "stale"), { maxLength: 4 })),
  }),
  fc.record({
    operation: fc.record({
      kind: fc.constant("cancel" as const),
      id: text,
      now: time,
      revision: fc.constant(undefined),
    }),
    answer: value(fc.constant({ kind: "not-found" })),
  }),
  fc.record({
    operation: fc.record({ kind: fc.constant("renew" as const), worker, leaseTime: time, askedTime: time }),
    answer: value(fc.boolean()),
  }),
);

/** fast-check's records have no prototype. */
const plain = <T>(record: T): T => structuredClone(record);

/** As a message crosses to another thread. */
const cross = <T>(message: T): T => structuredClone(message, { transfer: writeCodec.transfersOf(message) });

test("groups and answers come out as they went in", () => {
  const property = fc.property(
    fc.array(call, { maxLength: 12 }),
    fc.option(fc.nat(), { nil: undefined }),
    (calls, restartLogMs) => {
      const operations = calls.map(({ operation }) => operation);
      const answers = calls.map(({ answer }) => answer);
      const group = writeCodec.unpackGroup(cross(writeCodec.packGroup({ operations, restartLogMs })));
      // Not expect().toEqual, which looks at each byte of a body by itself.
      deepStrictEqual(group, { operations: operations.map(plain), restartLogMs });
      const answered = writeCodec.unpackAnswers(cross(writeCodec.packAnswers(operations, answers)));
      deepStrictEqual(answered, answers.map(plain));
    },
  );
  fc.assert(property, { numRuns: 200 });
});

test("the caller's memory stays the caller's, however large it is", () => {
  const responseBody = new Uint8Array(1_000_000).fill(7);
  const [row] = fc.sample(finished, 1);
  const attempts = [{ ...row!, responseBody }];
  cross(writeCodec.packGroup({ operations: [{ kind: "finish", worker: 1, attempts }] }));
  expect(responseBody.length).toBe(1_000_000);
});
