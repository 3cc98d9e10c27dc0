/** The judge of the kill proof, on jobs that share a dedup_key, with journals made by hand. */
import { describe, expect, test } from "vitest";
import { acknowledged, begun, changeAnswered, changeBegun, failed, job, request } from "./evidence.ts";
import type { CallEntry, JobEntry } from "./journal.ts";
import { judge } from "./judge.ts";
import type { Evidence } from "./known.ts";

const keyed = (id: string, dedupKey: string | undefined = "key"): CallEntry => ({
  kind: "begun",
  call: id,
  jobs: [{ id, bodyHash: `body of ${id}`, dedupKey }],
});
const duplicate = (call: string, id: string, uid = `uid of ${id}`): CallEntry => ({
  kind: "acknowledged",
  call,
  wallTime: 0,
  duplicateOf: { id, uid },
});
/** Delivered with one attempt that began and ended at these times. */
const delivered = (id: string, startTime: number, finishTime: number): JobEntry => {
  const { attempts, ...one } = job(id, ["SUCCEEDED"]);
  return { ...one, finishTime, attempts: [{ ...attempts[0]!, startTime }] };
};
const requests = [request("a", 1), request("b", 1)];
const bothStored = [keyed("a"), acknowledged("a", 100), keyed("b"), acknowledged("b", 250)];

describe("nothing is wrong", () => {
  const cases: [string, Evidence][] = [
    [
      "when a job was stored as the one with its key ended, in the same millisecond",
      {
        calls: [keyed("a"), acknowledged("a", 100), keyed("b"), acknowledged("b", 201)],
        requests,
        jobs: [delivered("a", 90, 200), delivered("b", 200, 300)],
      },
    ],
    [
      "when a job that nobody acknowledged, and that was never begun, may have been stored later",
      {
        calls: [keyed("a"), failed("a"), keyed("b"), acknowledged("b", 250)],
        requests: [request("b", 1)],
        jobs: [{ ...job("a", []), state: "EXPIRED", finishTime: 900 }, delivered("b", 240, 300)],
      },
    ],
    [
      "when a job whose worker is lost was claimed, and may have been stored later",
      {
        calls: [keyed("a"), acknowledged("a", 100), keyed("b"), failed("b")],
        requests,
        jobs: [delivered("a", 90, 300), lostAtFirst("b", 290, 310)],
      },
    ],
    [
      "when a call was answered with the job that has the key",
      {
        calls: [keyed("a"), acknowledged("a", 100), keyed("b"), duplicate("b", "a")],
        requests: requests.slice(0, 1),
        jobs: [delivered("a", 90, 200)],
      },
    ],
    [
      "when that one was deleted since",
      {
        calls: [
          keyed("a"),
          acknowledged("a", 100),
          keyed("b"),
          duplicate("b", "a"),
          changeBegun("delete", delivered("a", 90, 200)),
          changeAnswered("delete", 300),
        ],
        requests: requests.slice(0, 1),
        jobs: [],
      },
    ],
    [
      "when a call that was cut off stored its job, and its repeat was answered with a later one",
      {
        calls: [keyed("b"), failed("b"), keyed("a"), acknowledged("a", 400), keyed("b"), duplicate("b", "a")],
        requests,
        jobs: [delivered("a", 390, 500), delivered("b", 240, 300)],
      },
    ],
    [
      "when the one that had FAILED has a new run after the other had ended",
      {
        calls: [
          ...bothStored,
          changeBegun("retry", { ...delivered("a", 90, 200), state: "FAILED" }),
          changeAnswered("retry", 310),
        ],
        requests: [...requests, request("a", 2)],
        jobs: [{ ...ranTwice(90, 305), finishTime: 400 }, delivered("b", 240, 300)],
      },
    ],
  ];
  test.each(cases)("%s", (_, evidence) => {
    const { faults } = judge(evidence);
    expect(faults.filter(isOfKeys)).toEqual([]);
  });

  test("and such answers are counted, and are no jobs", () => {
    const evidence = {
      calls: [keyed("a"), acknowledged("a", 100), keyed("b"), duplicate("b", "a")],
      requests: requests.slice(0, 1),
      jobs: [delivered("a", 90, 200)],
    };
    expect(judge(evidence)).toMatchObject({ faults: [], acknowledged: 1, duplicates: 1 });
  });
});

describe("it finds", () => {
  const cases: [string, string, Evidence][] = [
    [
      "doubled",
      "two jobs with one key that had not ended at the same time",
      { calls: bothStored, requests, jobs: [delivered("a", 90, 252), delivered("b", 245, 300)] },
    ],
    [
      "doubled",
      "a job that was there when the second one's call was answered, though neither was sent",
      {
        calls: bothStored,
        requests: [],
        jobs: [
          { ...job("a", []), finishTime: 260 },
          { ...job("b", []), finishTime: 300 },
        ],
      },
    ],
    [
      "doubled",
      "a job beside one that is HELD",
      {
        calls: bothStored,
        requests,
        jobs: [{ ...delivered("a", 90, 0), state: "HELD", finishTime: undefined }, delivered("b", 245, 300)],
      },
    ],
    [
      "doubled",
      "a job that was never acknowledged, beside another that its attempt met",
      {
        calls: [keyed("a"), acknowledged("a", 100), keyed("b"), failed("b")],
        requests,
        jobs: [delivered("a", 90, 300), delivered("b", 200, 250)],
      },
    ],
    [
      "doubled",
      "a new run beside a job that had the key by then",
      {
        calls: [
          ...bothStored,
          changeBegun("retry", { ...delivered("a", 90, 200), state: "FAILED" }),
          changeAnswered("retry", 260),
        ],
        requests: [...requests, request("a", 2)],
        jobs: [{ ...ranTwice(90, 305), finishTime: 400 }, delivered("b", 240, 300)],
      },
    ],
    [
      "doubled",
      "a first run beside a job that had the key, before the second run",
      {
        calls: [
          ...bothStored,
          changeBegun("retry", { ...delivered("a", 90, 280), state: "FAILED" }),
          changeAnswered("retry", 310),
        ],
        requests: [...requests, request("a", 2)],
        jobs: [{ ...ranTwice(90, 305), finishTime: 400 }, delivered("b", 240, 300)],
      },
    ],
    [
      "inconsistent",
      "an answer that names a job that is not there",
      { calls: [keyed("b"), duplicate("b", "a")], requests: [], jobs: [] },
    ],
    [
      "inconsistent",
      "an answer that names a job with another uid",
      {
        calls: [keyed("a"), acknowledged("a"), keyed("b"), duplicate("b", "a", "other")],
        requests: [request("a", 1)],
        jobs: [delivered("a", 90, 200)],
      },
    ],
    [
      "inconsistent",
      "an answer that names a job with another key",
      {
        calls: [keyed("a", "other"), acknowledged("a"), keyed("b"), duplicate("b", "a")],
        requests: [request("a", 1)],
        jobs: [delivered("a", 90, 200)],
      },
    ],
    [
      "inconsistent",
      "an answer that names another job to a call without a key",
      {
        calls: [begun("a"), acknowledged("a"), begun("b"), duplicate("b", "a")],
        requests: [request("a", 1)],
        jobs: [delivered("a", 90, 200)],
      },
    ],
    [
      "inconsistent",
      "an answer that names a job that was deleted before",
      {
        calls: [
          keyed("a"),
          acknowledged("a", 100),
          changeBegun("delete", delivered("a", 90, 200)),
          changeAnswered("delete", 300),
          keyed("b"),
          duplicate("b", "a"),
        ],
        requests: [request("a", 1)],
        jobs: [],
      },
    ],
    [
      "inconsistent",
      "a job that was stored though another one was named",
      {
        calls: [keyed("a"), acknowledged("a"), keyed("b"), duplicate("b", "a")],
        requests,
        jobs: [delivered("a", 90, 200), delivered("b", 210, 220)],
      },
    ],
  ];
  test.each(cases)("%s: %s", (kind, _, evidence) => {
    expect(
      judge(evidence)
        .faults.filter(isOfKeys)
        .map((fault) => fault.kind),
    ).toEqual([kind]);
  });
});

/** Delivered by the second attempt; the times of both. */
function lostAtFirst(id: string, ...startTimes: number[]): JobEntry {
  const one = job(id, ["OUTCOME_UNKNOWN", "SUCCEEDED"]);
  const reasons = ["WORKER_LOST", undefined];
  return {
    ...one,
    finishTime: 900,
    attempts: one.attempts.map((attempt, index) => ({
      ...attempt,
      startTime: startTimes[index],
      reason: reasons[index],
    })),
  };
}

/** By what is said: the jobs here are made for their times only. */
function isOfKeys({ why }: { readonly why: string }): boolean {
  return why.includes("dedup_key") || why.includes("it was answered with");
}

/** FAILED at first, with attempts that began at these times. */
function ranTwice(...startTimes: number[]): JobEntry {
  const one = job("a", ["FAILED", "SUCCEEDED"]);
  return {
    ...one,
    runCount: 2,
    attempts: one.attempts.map((attempt, index) => ({ ...attempt, startTime: startTimes[index] })),
  };
}
