/** Which jobs a filter finds: every field, every comparison, what is not set, and any mixture of them, page by page. */
import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import type {
  FilterField,
  JobFilter,
  NumberField,
  NumberOperator,
  TextMatch,
} from "../../../server/src/job/filter.ts";
import type { JobRecord, NewJob } from "../../../server/src/job/job.ts";
import { jobStates } from "../../../server/src/job/state.ts";
import type { JobPart, Store } from "../../../server/src/store/store.ts";
import { matches } from "../memory-filter.ts";
import {
  endedAs,
  get,
  idsOf,
  insert,
  jobIn,
  newJob,
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

/** All matching jobs, newest first, over as many pages as it takes. */
async function find(store: Store, filter: JobFilter, limit = 100, parts = noParts): Promise<JobRecord[]> {
  const found: JobRecord[] = [];
  let beforeKey: number | undefined;
  do {
    const page = await store.list({ limit, maxBytes: 1e7, beforeKey, parts, filter });
    expect(page.jobs.length).toBeLessThanOrEqual(limit);
    found.push(...page.jobs);
    if (beforeKey !== undefined) expect(page.nextBeforeKey ?? 0).toBeLessThan(beforeKey);
    beforeKey = page.nextBeforeKey;
  } while (beforeKey !== undefined);
  return found;
}

const and = (...filters: JobFilter[]): JobFilter => ({ kind: "and", filters });
const or = (...filters: JobFilter[]): JobFilter => ({ kind: "or", filters });
const not = (filter: JobFilter): JobFilter => ({ kind: "not", filter });
const set = (field: FilterField): JobFilter => ({ kind: "set", field });
const stateIs = (state: JobRecord["state"]): JobFilter => ({ kind: "state", state });
const number = (field: NumberField, operator: NumberOperator, value: number): JobFilter => ({
  kind: "number",
  field,
  operator,
  value,
});
const text = (
  field: Extract<JobFilter, { kind: "text" }>["field"],
  value: string,
  match: TextMatch = "whole",
): JobFilter => ({ kind: "text", field, match, value });

const labels = (entries: Record<string, string>): Partial<NewJob> => ({
  labels: new Map(Object.entries(entries)),
});
const request = (method: string, url: string): Partial<NewJob> => ({
  request: { ...newJob().request, method, url },
});

/**
 * Five jobs, from the oldest to the newest: `plain` waits; `later` is scheduled, expires and has labels; `done`
 * succeeded; `failed` failed; `again` is tried again.
 */
async function withFive(store: Store): Promise<void> {
  const worker = await registerWorker(store);
  const claimed = async (job: NewJob) => {
    const [stored] = await insert(store, worker, [job], { claimUpTo: 1 });
    expect(stored).toMatchObject({ claimed: true });
    return { key: stored!.key, attempt: 1 };
  };
  const done = newJob({ id: "done", priority: 9, ...labels({ team: "", "a.b": "x" }) });
  await insert(store, worker, [
    newJob({
      id: "later",
      uid: "u-later",
      createTime: start + 5,
      scheduleTime: start + 1000,
      expireTime: start + 2000,
      ...labels({ team: "post", note: 'say "hé"\u0000[*?] 😀 %_\\' }),
    }),
  ]);
  await store.finish(worker, [succeeded(await claimed(done))]);
  const failed = newJob({ id: "failed", priority: 5, ...request("PUT", "http://a.test/x?y=%2F") });
  await store.finish(worker, [endedAs("FAILED", await claimed(failed), { endTime: start + 300 })]);
  await store.finish(worker, [
    retriedAt(start + 500, await claimed(newJob({ id: "again", dedupKey: "key" }))),
  ]);
  await insert(store, worker, [newJob({ id: "plain", queue: "other" })]);
}

const everything = ["plain", "again", "failed", "done", "later"];
const without = (...ids: string[]): string[] => everything.filter((id) => !ids.includes(id));
const team = { label: "team" };
const note = { label: "note" };

const found: readonly (readonly [what: string, filter: JobFilter, ids: readonly string[]])[] = [
  ["a whole id", text("id", "failed"), ["failed"]],
  ["no part of an id for the whole", text("id", "fail"), []],
  ["an id in another case", text("id", "FAILED"), []],
  ["the beginning of an id", text("id", "la", "prefix"), ["later"]],
  ["a beginning that is the whole", text("id", "later", "prefix"), ["later"]],
  ["a beginning that is too long", text("id", "later-on", "prefix"), []],
  ["the end of an id", text("id", "ain", "suffix"), ["plain", "again"]],
  ["an end that is the whole", text("id", "plain", "suffix"), ["plain"]],
  ["an end that is too long", text("id", "explain", "suffix"), []],
  ["the middle of an id", text("id", "ai", "part"), ["plain", "again", "failed"]],
  ["a uid", text("uid", "u-later"), ["later"]],
  ["a queue", text("queue", "other"), ["plain"]],
  ["a dedupKey", text("dedupKey", "k", "prefix"), ["again"]],
  ["no dedupKey", { kind: "not", filter: { kind: "set", field: "dedupKey" } }, without("again")],
  ["a method", text("method", "PUT"), ["failed"]],
  ["a URL", text("url", "http://a.test/x?y=%2F"), ["failed"]],
  ["a part of a URL", text("url", "target.test", "part"), without("failed")],
  ["the empty beginning", text("url", "", "prefix"), everything],
  ["the empty end", text("url", "", "suffix"), everything],
  ["the empty part", text("url", "", "part"), everything],
  ["the empty text", text("url", ""), []],
  ["a label", text(team, "post"), ["later"]],
  ["a label of the empty value", text(team, ""), ["done"]],
  ["the empty beginning of a label, where there is one", text(team, "", "prefix"), ["done", "later"]],
  ["the empty end of a label, where there is one", text(team, "", "suffix"), ["done", "later"]],
  ["a label whose key has a dot", text({ label: "a.b" }, "x"), ["done"]],
  ["a label by the key of another", text({ label: "a" }, "x"), []],
  ["a value by the key", text({ label: "post" }, "team"), []],
  ["a label with any characters", text(note, 'say "hé"\u0000[*?] 😀 %_\\'), ["later"]],
  ["its beginning with a NUL", text(note, 'say "hé"\u0000[', "prefix"), ["later"]],
  ["its end", text(note, "\u0000[*?] 😀 %_\\", "suffix"), ["later"]],
  ["its middle", text(note, "*?] 😀", "part"), ["later"]],
  ["no wildcards of SQL", text(note, "say%", "prefix"), []],
  ["no wildcards of GLOB", text(note, "s*", "prefix"), []],
  ["no SQL", text("id", "' OR 1=1 --"), []],
  ["jobs that have a label", set(team), ["done", "later"]],
  ["jobs that have any label", set("labels"), ["done", "later"]],
  ["jobs that have none", not(set("labels")), without("done", "later")],
  ["a label that differs", and(set(team), not(text(team, "post"))), ["done"]],
  ["what has not that label", not(text(team, "post")), without("later")],
  ["a priority", number("priority", "=", 5), ["failed"]],
  ["a lower priority", number("priority", "<", 5), ["plain", "again", "later"]],
  ["a priority or lower", number("priority", "<=", 5), without("done")],
  ["a higher priority", number("priority", ">", 5), ["done"]],
  ["a priority or higher", number("priority", ">=", 5), ["failed", "done"]],
  ["attempts", number("attemptCount", ">=", 1), ["again", "failed", "done"]],
  ["a time of creation", number("createTime", ">", start), ["later"]],
  ["a time between two milliseconds", number("createTime", ">", start + 4.5), ["later"]],
  ["no time between two milliseconds", number("createTime", "=", start + 5.5), []],
  ["a time of change", number("updateTime", "=", start + 300), ["failed"]],
  ["a scheduled time", number("scheduleTime", "=", start + 1000), ["later"]],
  ["a time of expiry", number("expireTime", "<=", start + 2000), ["later"]],
  ["the next attempt", number("nextAttemptTime", "=", start + 500), ["again"]],
  ["a next attempt before", number("nextAttemptTime", "<=", start + 500), ["plain", "again"]],
  ["no next attempt of a job that has ended", set("nextAttemptTime"), ["plain", "again", "later"]],
  ["an end", set("finishTime"), ["failed", "done"]],
  ["no end", not(set("finishTime")), ["plain", "again", "later"]],
  ["what did not end by then, or not at all", not(number("finishTime", "<=", start + 200)), without("done")],
  ["what is always set", and(set("id"), set("uid"), set("state"), set("priority"), set("url")), everything],
  ["all of several", and(stateIs("FAILED"), number("priority", "=", 5), text("method", "PUT")), ["failed"]],
  ["all, of which one does not", and(stateIs("FAILED"), number("priority", "=", 9)), []],
  ["two states at once", and(stateIs("FAILED"), stateIs("CANCELLED")), []],
  ["one of several", or(stateIs("FAILED"), text("id", "later")), ["failed", "later"]],
  ["neither", not(or(stateIs("FAILED"), set(team))), ["plain", "again"]],
  ["not both", not(and(set("finishTime"), number("finishTime", ">", start + 200))), without("failed")],
  ["not not", not(not(text(team, "post"))), ["later"]],
  [
    "one of those, in all of these",
    and(or(set(team), stateIs("FAILED")), set("finishTime")),
    ["failed", "done"],
  ],
  ["all of none", and(), everything],
  ["one of none", or(), []],
];

const texts = ["id", "uid", "queue", "method", "url", team, note] as const;
const numbers = [
  "priority",
  "attemptCount",
  "createTime",
  "updateTime",
  "scheduleTime",
  "expireTime",
  "nextAttemptTime",
  "finishTime",
] as const;

const comparison: fc.Arbitrary<JobFilter> = fc.oneof(
  fc.record({
    kind: fc.constant("text" as const),
    field: fc.constantFrom(...texts),
    match: fc.constantFrom("whole", "prefix", "suffix", "part"),
    value: fc.constantFrom(
      "",
      "a",
      "d",
      "later",
      "post",
      "other",
      "PUT",
      "http://",
      "test/",
      "é",
      "\u0000",
      "0",
    ),
  }),
  fc.record({
    kind: fc.constant("number" as const),
    field: fc.constantFrom(...numbers),
    operator: fc.constantFrom("=", "<", "<=", ">", ">="),
    value: fc.constantFrom(
      0,
      1,
      5,
      9,
      start,
      start + 5,
      start + 200,
      start + 300,
      start + 500.5,
      start + 1000,
    ),
  }),
  fc.record({ kind: fc.constant("state" as const), state: fc.constantFrom(...jobStates) }),
  fc.record({
    kind: fc.constant("set" as const),
    field: fc.constantFrom<FilterField[]>(...texts, ...numbers, "state", "labels"),
  }),
);

const { filter: anyFilter } = fc.letrec<{ filter: JobFilter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    comparison,
    fc.record({ kind: fc.constant("not" as const), filter: tie("filter") }),
    fc.record({
      kind: fc.constantFrom("and", "or"),
      filters: fc.array(tie("filter"), { maxLength: 4 }),
    }),
  ),
}));

/** In this order each can be reached although the ones before it are there. */
const apart = [
  "SUCCEEDED",
  "FAILED",
  "HELD",
  "CANCELLED",
  "DISPATCHING",
  "EXPIRED",
  "RETRYING",
  "SCHEDULED",
  "QUEUED",
] as const;

export function describeFilter(open: OpenStore): void {
  describe("a filter", () => {
    test("finds what it says", async () => {
      await using setting = await setUp(open);
      await withFive(setting.store);
      for (const [what, filter, ids] of found) {
        expect([what, ...idsOf(await find(setting.store, filter))]).toEqual([what, ...ids]);
      }
    });

    test("finds the jobs of each state", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const ids = new Map<string, string>();
      for (const state of apart) {
        ids.set(state, (await jobIn(setting.store, worker, state)).id);
      }
      for (const state of jobStates) {
        expect([state, ...idsOf(await find(setting.store, stateIs(state)))]).toEqual([state, ids.get(state)]);
        expect(await find(setting.store, not(stateIs(state)))).toHaveLength(jobStates.length - 1);
      }
    });

    test.each([1, 2, 7, 100])("gives every job that matches once, over pages of %i", async (limit) => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const jobs = Array.from({ length: 60 }, (_, index) => newJob({ priority: index % 10 }));
      await insert(store, worker, jobs);
      for (const wanted of [0, 3, 9]) {
        const ids = idsOf(jobs.filter((job) => job.priority === wanted)).toSorted();
        expect(idsOf(await find(store, number("priority", "=", wanted), limit)).toSorted()).toEqual(ids);
      }
      expect(idsOf(await find(store, and(), limit)).toSorted()).toEqual(idsOf(jobs).toSorted());
      expect(await find(store, stateIs("FAILED"), limit)).toEqual([]);
    });

    test("follows the state of a job", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      const { id } = await jobIn(store, worker, "HELD");
      expect(idsOf(await find(store, stateIs("HELD")))).toEqual([id]);
      await store.cancel(id, start + 1);
      expect(idsOf(await find(store, stateIs("HELD")))).toEqual([]);
      expect(idsOf(await find(store, stateIs("CANCELLED")))).toEqual([id]);
      await store.delete(id, start);
      expect(idsOf(await find(store, stateIs("CANCELLED")))).toEqual([]);
    });

    test("reads the parts that are asked for, and ends a page at maxBytes", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      await withFive(store);
      const parts = new Set<JobPart>(["spec", "attempts"]);
      const [record] = await find(store, stateIs("FAILED"), 100, parts);
      expect(record).toEqual(await get(store, "failed", parts));
      const query = { limit: 100, maxBytes: 1, parts: noParts, filter: and() };
      const page = await store.list({ ...query, beforeKey: undefined });
      expect(page.jobs.length).toBeLessThanOrEqual(1);
      expect(page.nextBeforeKey).toBeDefined();
    });

    test(
      "of any kind finds the jobs that match one by one",
      async () => {
        await using setting = await setUp(open);
        const { store } = setting;
        await withFive(store);
        const records = await find(store, and(), 100, new Set<JobPart>(["spec"]));
        await fc.assert(
          fc.asyncProperty(anyFilter, fc.integer({ min: 1, max: 6 }), async (filter, limit) => {
            const matching = records.filter((record) => matches(filter, record));
            expect(idsOf(await find(store, filter, limit))).toEqual(idsOf(matching));
          }),
          { numRuns: propertyRuns * 4 },
        );
      },
      propertyTimeoutMs,
    );
  });
}
