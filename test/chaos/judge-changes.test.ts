/** The judge of the kill proof, on new runs, deleted jobs and the cancels before them, with journals made by hand. */
import { describe, expect, test } from "vitest";
import {
  acknowledged,
  calls,
  cancelAnswered,
  cancelBegun,
  changeAnswered,
  changeBegun,
  changeRefused,
  ended,
  fated,
  job,
  refusedForGood,
  request,
} from "./evidence.ts";
import type { CallEntry, Fate, JobEntry } from "./journal.ts";
import { judge } from "./judge.ts";
import type { Evidence } from "./known.ts";

const inRun = (runCount: number, entry: JobEntry): JobEntry => ({ ...entry, runCount });
const held = ended("HELD", "OUTCOME_UNKNOWN");
const cancelled = ended("CANCELLED");
const retried = (seen: JobEntry): CallEntry[] => [changeBegun("retry", seen), changeAnswered("retry", 20)];
const retriedOf = (fate: Fate, seen: JobEntry): CallEntry[] => [...fated(fate), ...retried(seen)];
const deleted = (seen: JobEntry): CallEntry[] => [changeBegun("delete", seen), changeAnswered("delete", 30)];
const delivered = job("a", ["SUCCEEDED"]);
const refusedTwice: JobEntry = {
  ...inRun(2, ended("FAILED", "FAILED", "FAILED")),
  attempts: [1, 2].map((number) => ({ number, result: "FAILED", httpStatus: 400, worker: "w" })),
};
const refusals = [request("a", 1, { status: 400 }), request("a", 2, { status: 400 })];

/** A batch of which one FAILED; then BulkRetryJobs. */
const inBulk = (...counts: number[]): CallEntry[] => [
  {
    kind: "begun",
    call: "a",
    jobs: [
      { id: "a", bodyHash: "body of a", fate: "refused" },
      { id: "b", bodyHash: "body of b" },
    ],
  },
  acknowledged("a"),
  { kind: "bulk-retry-begun", call: "a" },
  ...counts.map((count): CallEntry => ({ kind: "bulk-retry-answered", call: "a", count })),
];
const withB = (jobs: JobEntry[], requests = refusals): Omit<Evidence, "calls"> => ({
  requests: [...requests, request("b", 1)],
  jobs: [...jobs, job("b", ["SUCCEEDED"])],
});

describe("nothing is wrong", () => {
  const cases: [string, Evidence][] = [
    [
      "when a job that is HELD has a new run, and what may be sent once in each was sent in both",
      {
        calls: retriedOf("hold", held),
        requests: [request("a", 1), request("a", 2)],
        jobs: [inRun(2, job("a", ["OUTCOME_UNKNOWN", "SUCCEEDED"]))],
      },
    ],
    [
      "when it is HELD again",
      {
        calls: retriedOf("hold", held),
        requests: [],
        jobs: [inRun(2, ended("HELD", "OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"))],
      },
    ],
    [
      "when it FAILED again",
      { calls: retriedOf("refused", refusedForGood), requests: refusals, jobs: [refusedTwice] },
    ],
    [
      "when it was cancelled as its answer came, and has a new run",
      {
        calls: [...calls, cancelBegun, cancelAnswered(9), ...retried(ended("CANCELLED", "SUCCEEDED"))],
        requests: [request("a", 1), request("a", 2, { time: 9000 })],
        jobs: [inRun(2, ended("SUCCEEDED", "SUCCEEDED", "SUCCEEDED"))],
      },
    ],
    [
      "when a retry was cut off, and no new run began",
      {
        calls: [...fated("hold"), changeBegun("retry", held)],
        requests: [request("a", 1)],
        jobs: [held],
      },
    ],
    [
      "when a retry was cut off, and a new run began",
      {
        calls: [...fated("hold"), changeBegun("retry", held)],
        requests: [request("a", 1), request("a", 2)],
        jobs: [inRun(2, job("a", ["OUTCOME_UNKNOWN", "SUCCEEDED"]))],
      },
    ],
    [
      "when a retry was cut off, and the next one was answered",
      {
        calls: [...fated("hold"), changeBegun("retry", held), ...retried(held)],
        requests: [request("a", 2)],
        jobs: [inRun(2, job("a", ["OUTCOME_UNKNOWN", "SUCCEEDED"]))],
      },
    ],
    [
      "when a cancel that was cut off came after the retry",
      {
        calls: [...calls, cancelBegun, ...retried(cancelled)],
        requests: [],
        jobs: [inRun(2, cancelled)],
      },
    ],
    [
      "when a retry was refused",
      {
        calls: [
          ...calls,
          cancelBegun,
          cancelAnswered(9),
          changeBegun("retry", cancelled),
          changeRefused("retry"),
        ],
        requests: [],
        jobs: [cancelled],
      },
    ],
    [
      "when a bulk retry began as many runs as it was answered",
      { calls: inBulk(1), ...withB([refusedTwice]) },
    ],
    ["when a bulk retry was cut off, and began one", { calls: inBulk(), ...withB([refusedTwice]) }],
    [
      "when a bulk retry was cut off, and began none",
      { calls: inBulk(), ...withB([refusedForGood], refusals.slice(0, 1)) },
    ],
    [
      "when it was delivered and deleted",
      { calls: [...calls, ...deleted(delivered)], requests: [request("a", 1)], jobs: [] },
    ],
    [
      "when a delete was cut off, and it is gone",
      { calls: [...calls, changeBegun("delete", delivered)], requests: [request("a", 1)], jobs: [] },
    ],
    [
      "when a delete was cut off, and it is there",
      { calls: [...calls, changeBegun("delete", delivered)], requests: [request("a", 1)], jobs: [delivered] },
    ],
  ];
  test.each(cases)("%s", (_, evidence) => {
    expect(judge(evidence).faults).toEqual([]);
  });

  test("and what was done and what was cut off is counted", () => {
    const evidence = {
      calls: [...fated("hold"), changeBegun("retry", held), ...retried(held), ...deleted(delivered)],
      requests: [],
      jobs: [],
    };
    expect(judge(evidence)).toMatchObject({
      retried: 1,
      retriesCut: 1,
      deleted: 1,
      deletesCut: 0,
      acknowledged: 1,
    });
    expect(judge({ calls: inBulk(1), ...withB([refusedTwice]) })).toMatchObject({ retriedInBulk: 1 });
  });
});

describe("it finds", () => {
  const cases: [string, string, Evidence][] = [
    [
      "lost",
      "a job whose retry was answered, and that is as it was",
      { calls: retriedOf("hold", held), requests: [], jobs: [held] },
    ],
    [
      "lost",
      "a new run without an attempt",
      { calls: retriedOf("hold", held), requests: [], jobs: [inRun(2, held)] },
    ],
    [
      "lost",
      "a job that is CANCELLED though a new run was answered after its cancel",
      {
        calls: [...calls, cancelBegun, cancelAnswered(9), ...retried(cancelled)],
        requests: [],
        jobs: [inRun(2, ended("CANCELLED", "NOT_SENT"))],
      },
    ],
    [
      "lost",
      "a new run that is EXPIRED",
      {
        calls: [...fated("expires"), changeBegun("retry", ended("EXPIRED"))],
        requests: [],
        jobs: [inRun(2, ended("EXPIRED"))],
      },
    ],
    [
      "stuck",
      "a new run that does not end",
      {
        calls: retriedOf("refused", refusedForGood),
        requests: refusals.slice(0, 1),
        jobs: [inRun(2, { ...refusedForGood, state: "QUEUED" })],
      },
    ],
    [
      "doubled",
      "a run that nobody asked for",
      {
        calls: [...fated("hold"), changeBegun("retry", held), changeRefused("retry")],
        requests: [request("a", 2)],
        jobs: [inRun(2, job("a", ["OUTCOME_UNKNOWN", "SUCCEEDED"]))],
      },
    ],
    [
      "doubled",
      "three requests in two runs where one is the most in each",
      {
        calls: retriedOf("hold", held),
        requests: [request("a", 1), request("a", 2), request("a", 3)],
        jobs: [inRun(2, job("a", ["OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN", "SUCCEEDED"]))],
      },
    ],
    [
      "doubled",
      "two attempts in the first run where one is the most, though none came in the second",
      {
        calls: [...retriedOf("hold", ended("HELD", "OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN")), cancelBegun],
        requests: [request("a", 1), request("a", 2)],
        jobs: [inRun(2, ended("CANCELLED", "OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"))],
      },
    ],
    [
      "doubled",
      "an attempt of the first run that is sent again in the second, with its number",
      {
        calls: retriedOf("refused", refusedForGood),
        requests: [request("a", 1, { status: 400 }), ...refusals],
        jobs: [refusedTwice],
      },
    ],
    [
      "lost",
      "a bulk retry that was answered with more runs than began",
      { calls: inBulk(2), ...withB([refusedTwice]) },
    ],
    [
      "doubled",
      "a bulk retry that began more runs than it was answered",
      { calls: inBulk(0), ...withB([refusedTwice]) },
    ],
    [
      "lost",
      "a run of a bulk retry without an attempt",
      { calls: inBulk(1), ...withB([inRun(2, refusedForGood)], refusals.slice(0, 1)) },
    ],
    [
      "inconsistent",
      "a job that is there though its delete was answered",
      { calls: [...calls, ...deleted(delivered)], requests: [request("a", 1)], jobs: [delivered] },
    ],
    [
      "doubled",
      "an attempt of a deleted job that was not there when it was deleted",
      { calls: [...calls, ...deleted(delivered)], requests: [request("a", 1), request("a", 2)], jobs: [] },
    ],
    [
      "doubled",
      "a request after DeleteJob had answered",
      { calls: [...calls, ...deleted(delivered)], requests: [request("a", 1, { time: 5031 })], jobs: [] },
    ],
    [
      "lost",
      "a deleted job that was never delivered",
      { calls: [...calls, ...deleted(delivered)], requests: [], jobs: [] },
    ],
    [
      "lost",
      "a job that is gone though its delete was refused",
      {
        calls: [...calls, changeBegun("delete", delivered), changeRefused("delete")],
        requests: [],
        jobs: [],
      },
    ],
  ];
  test.each(cases)("%s: %s", (kind, _, evidence) => {
    const { faults } = judge(evidence);
    expect(faults.map((fault) => fault.kind)).toContain(kind);
    // Of lost, doubled and stuck, no other.
    expect(faults.filter((fault) => fault.kind !== "inconsistent" && fault.kind !== kind)).toEqual([]);
  });
});
