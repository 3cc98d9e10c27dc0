/** The judge of the kill proof, with journals made by hand: it finds what it is there to find. */
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  begun,
  acknowledged,
  failed,
  killed,
  request,
  statusOf,
  job,
  calls,
  fated,
  cancelBegun,
  cancelAnswered,
  ended,
  refusedForGood,
  refused,
} from "./evidence.ts";
import { openJournal, openJournalReader } from "./journal.ts";
import { judge } from "./judge.ts";
import type { Evidence } from "./known.ts";

describe("nothing is wrong", () => {
  const cases: [string, Evidence][] = [
    ["when it was delivered once", { calls, requests: [request("a", 1)], jobs: [job("a", ["SUCCEEDED"])] }],
    [
      "when it was refused and sent again",
      { calls, requests: [refused, request("a", 2)], jobs: [job("a", ["FAILED", "SUCCEEDED"])] },
    ],
    [
      "when an attempt of unknown outcome never arrived",
      { calls, requests: [request("a", 2)], jobs: [job("a", ["OUTCOME_UNKNOWN", "SUCCEEDED"])] },
    ],
    [
      "when an attempt was not sent",
      { calls, requests: [request("a", 2)], jobs: [job("a", ["NOT_SENT", "SUCCEEDED"])] },
    ],
    ["when a call that failed was not stored", { calls: [begun("a"), failed("a")], requests: [], jobs: [] }],
    [
      "when a call that failed was stored all the same",
      {
        calls: [begun("a"), failed("a")],
        requests: [request("a", 1)],
        jobs: [job("a", ["SUCCEEDED"])],
      },
    ],
    [
      "when it FAILED since the target refused it for good",
      { calls: fated("refused"), requests: [request("a", 1, { status: 400 })], jobs: [refusedForGood] },
    ],
    [
      "when it FAILED or is HELD in doubt, and nobody may send it again",
      { calls: fated("fail"), requests: [request("a", 1)], jobs: [ended("FAILED", "OUTCOME_UNKNOWN")] },
    ],
    [
      "when it is HELD in doubt",
      { calls: fated("hold"), requests: [], jobs: [ended("HELD", "OUTCOME_UNKNOWN")] },
    ],
    ["when it is EXPIRED", { calls: fated("expires"), requests: [], jobs: [ended("EXPIRED")] }],
    [
      "when it was cancelled before it was sent, or in the middle of it, or as its answer came",
      {
        calls: [...calls, cancelBegun, cancelAnswered(9)],
        requests: [],
        jobs: [ended("CANCELLED", "NOT_SENT")],
      },
    ],
    [
      "when it was cancelled as its answer came",
      {
        calls: [...calls, cancelBegun, cancelAnswered(9)],
        requests: [request("a", 1)],
        jobs: [ended("CANCELLED", "SUCCEEDED")],
      },
    ],
    [
      "when a cancel was cut off, and it ended all the same",
      { calls: [...calls, cancelBegun], requests: [request("a", 1)], jobs: [job("a", ["SUCCEEDED"])] },
    ],
    [
      "when a cancel was cut off, and it is cancelled",
      { calls: [...calls, cancelBegun], requests: [], jobs: [ended("CANCELLED")] },
    ],
  ];
  test.each(cases)("%s", (_, evidence) => {
    expect(judge(evidence).faults).toEqual([]);
  });

  test("when a double has an attempt of unknown outcome, which is counted", () => {
    const requests = [request("a", 1), request("a", 2), request("a", 3)];
    const jobs = [job("a", ["OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN", "SUCCEEDED"])];
    expect(judge({ calls, requests, jobs })).toMatchObject({
      faults: [],
      acknowledged: 1,
      requests: 3,
      unknownAttempts: 2,
      explainedDoubles: 2,
    });
  });
});

describe("it finds", () => {
  const cases: [string, string, Evidence][] = [
    ["lost", "an acknowledged job that is not in the store", { calls, requests: [], jobs: [] }],
    [
      "lost",
      "one of an acknowledged batch",
      {
        calls: [begun("b", "b-0", "b-1"), acknowledged("b")],
        requests: [request("b-0", 1)],
        jobs: [job("b-0", ["SUCCEEDED"])],
      },
    ],
    [
      "lost",
      "an acknowledged job that the target never got",
      { calls, requests: [], jobs: [job("a", ["SUCCEEDED"])] },
    ],
    [
      "lost",
      "an acknowledged job that was given up",
      {
        calls,
        requests: [refused],
        jobs: [job("a", ["FAILED"], { state: "FAILED" })],
      },
    ],
    [
      "lost",
      "a job of a repeated call that was called taken, and is not there",
      {
        calls: [begun("a"), failed("a"), begun("a"), failed("a"), acknowledged("a")],
        requests: [],
        jobs: [],
      },
    ],
    [
      "doubled",
      "an attempt that reached the target and is called NOT_SENT",
      {
        calls,
        requests: [request("a", 1), request("a", 2)],
        jobs: [job("a", ["NOT_SENT", "SUCCEEDED"])],
      },
    ],
    [
      "doubled",
      "an attempt that the target accepted and that is called refused",
      {
        calls,
        requests: [request("a", 1), request("a", 2)],
        jobs: [job("a", ["FAILED", "SUCCEEDED"])],
      },
    ],
    [
      "doubled",
      "a request that no attempt accounts for",
      {
        calls,
        requests: [request("a", 1), request("a", 2)],
        jobs: [job("a", ["SUCCEEDED"])],
      },
    ],
    [
      "doubled",
      "two requests of one attempt",
      {
        calls,
        requests: [request("a", 1), request("a", 1)],
        jobs: [job("a", ["SUCCEEDED"])],
      },
    ],
    [
      "doubled",
      "two requests of one attempt, of unknown outcome too",
      {
        calls,
        requests: [request("a", 1), request("a", 1), request("a", 2)],
        jobs: [job("a", ["OUTCOME_UNKNOWN", "SUCCEEDED"])],
      },
    ],
    [
      "doubled",
      "two requests where one is the most, though one attempt is in doubt",
      {
        calls: fated("hold"),
        requests: [request("a", 1), request("a", 2)],
        jobs: [job("a", ["OUTCOME_UNKNOWN", "SUCCEEDED"])],
      },
    ],
    [
      "doubled",
      "a request after CancelJob had answered",
      {
        calls: [...calls, cancelBegun, cancelAnswered(100)],
        requests: [request("a", 1, { time: 5200 })],
        jobs: [ended("CANCELLED", "OUTCOME_UNKNOWN")],
      },
    ],
    [
      "lost",
      "a job that FAILED in doubt and may be sent again",
      { calls, requests: [], jobs: [ended("FAILED", "OUTCOME_UNKNOWN")] },
    ],
    [
      "lost",
      "a job that is HELD and was not to be",
      { calls: fated("fail"), requests: [], jobs: [ended("HELD", "OUTCOME_UNKNOWN")] },
    ],
    [
      "lost",
      "a job that FAILED with nothing in doubt",
      { calls: fated("fail"), requests: [], jobs: [ended("FAILED", "NOT_SENT")] },
    ],
    ["lost", "a job that is EXPIRED and was not to be", { calls, requests: [], jobs: [ended("EXPIRED")] }],
    [
      "lost",
      "a job that is CANCELLED, and nobody asked for it",
      { calls, requests: [], jobs: [ended("CANCELLED")] },
    ],
    [
      "lost",
      "a job that went on though its cancel was answered",
      {
        calls: [...calls, cancelBegun, cancelAnswered(9)],
        requests: [request("a", 1)],
        jobs: [job("a", ["SUCCEEDED"])],
      },
    ],
    ["stuck", "a job that waits", { calls, requests: [refused], jobs: [job("a", ["FAILED"])] }],
    [
      "stuck",
      "a job whose worker is dead",
      {
        calls,
        requests: [request("a", 1)],
        jobs: [job("a", [], { state: "DISPATCHING", attemptCount: 1 })],
      },
    ],
    [
      "inconsistent",
      "a batch that is stored in part",
      {
        calls: [begun("b", "b-0", "b-1"), failed("b")],
        requests: [request("b-0", 1)],
        jobs: [job("b-0", ["SUCCEEDED"])],
      },
    ],
    [
      "inconsistent",
      "a request of a job that is not stored",
      {
        calls: [begun("a"), failed("a")],
        requests: [request("a", 1)],
        jobs: [],
      },
    ],
    [
      "inconsistent",
      "a job that nobody handed over",
      {
        calls: [],
        requests: [request("a", 1, { bodyHash: "" })],
        jobs: [job("a", ["SUCCEEDED"])],
      },
    ],
    [
      "inconsistent",
      "another body",
      {
        calls,
        requests: [request("a", 1, { bodyHash: "cut" })],
        jobs: [job("a", ["SUCCEEDED"])],
      },
    ],
    [
      "inconsistent",
      "another idempotency-key",
      {
        calls,
        requests: [request("a", 1, { idempotencyKey: "other" })],
        jobs: [job("a", ["SUCCEEDED"])],
      },
    ],
    [
      "inconsistent",
      "an answer that was never given",
      {
        calls,
        requests: [request("a", 2)],
        jobs: [job("a", ["FAILED", "SUCCEEDED"])],
      },
    ],
    [
      "inconsistent",
      "a number that two attempts share",
      {
        calls,
        requests: [request("a", 1)],
        jobs: [
          job("a", [], {
            state: "SUCCEEDED",
            attemptCount: 2,
            attempts: ["OUTCOME_UNKNOWN", "SUCCEEDED"].map((result) => ({
              number: 1,
              result,
              httpStatus: statusOf[result] ?? 0,
              worker: "w",
            })),
          }),
        ],
      },
    ],
    [
      "inconsistent",
      "an attempt after the one that succeeded",
      {
        calls,
        requests: [request("a", 1)],
        jobs: [job("a", ["SUCCEEDED", "OUTCOME_UNKNOWN"], { state: "SUCCEEDED" })],
      },
    ],
  ];
  test.each(cases)("%s: %s", (kind, _, evidence) => {
    expect(judge(evidence).faults.map((fault) => fault.kind)).toContain(kind);
    // Of lost, doubled and stuck, no other.
    const others = judge(evidence).faults.filter(
      (fault) => fault.kind !== "inconsistent" && fault.kind !== kind,
    );
    expect(others).toEqual([]);
  });
});

test("what there was to lose at a kill is counted again from the journals, not taken from the client", () => {
  const { kills } = judge({
    calls: [
      ...["a", "b", "c", "d", "e"].map((call) => begun(call)),
      acknowledged("a"),
      acknowledged("b"),
      acknowledged("c"),
      killed(10),
      acknowledged("d"),
      failed("e"),
    ],
    requests: [
      request("a", 1, { time: 9 }),
      request("b", 1, { time: 9, status: 503 }),
      request("c", 1, { time: 11 }),
    ],
    jobs: [],
  });
  expect(kills).toEqual([{ round: 1, victim: "group", undelivered: 2, unanswered: 2, cut: 1 }]);
});

test("a reader of a journal hands out whole lines only, each once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-test-"));
  try {
    const path = join(folder, "journal");
    const journal = openJournal<{ n: number }>(path);
    using reader = openJournalReader<{ n: number }>(path);
    expect(reader.readNew()).toEqual([]);
    await Promise.all([journal.appendSynced({ n: 1 }), journal.appendSynced({ n: 2 })]);
    appendFileSync(path, '{"n":');
    expect(reader.readNew()).toEqual([{ n: 1 }, { n: 2 }]);
    appendFileSync(path, "3}\n");
    journal.append({ n: 4 });
    expect(reader.readNew()).toEqual([{ n: 3 }, { n: 4 }]);
    expect(reader.readNew()).toEqual([]);
    journal.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
