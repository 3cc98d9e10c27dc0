/** Pieces of evidence, made by hand, for the tests of the judge. */
import type { CallEntry, ChangeKind, Fate, JobEntry, RequestEntry } from "./journal.ts";

export const begun = (call: string, ...ids: string[]): CallEntry => ({
  kind: "begun",
  call,
  jobs: (ids.length === 0 ? [call] : ids).map((id) => ({ id, bodyHash: `body of ${id}` })),
});
export const acknowledged = (call: string, wallTime = 0): CallEntry => ({
  kind: "acknowledged",
  call,
  wallTime,
});
export const failed = (call: string): CallEntry => ({ kind: "failed", call, code: "UNAVAILABLE" });
export const killed = (time: number): CallEntry => ({
  kind: "killed",
  round: 1,
  victim: "group",
  undelivered: 99,
  unanswered: 99,
  time,
});

export const request = (id: string, attempt: number, changes: Partial<RequestEntry> = {}): RequestEntry => ({
  id,
  attempt,
  idempotencyKey: `uid of ${id}`,
  bodyHash: `body of ${id}`,
  status: 200,
  time: 0,
  ...changes,
});

export const statusOf: Record<string, number> = { SUCCEEDED: 200, FAILED: 503 };

/** A job with these results of its attempts; SUCCEEDED, if the last one is. */
export function job(id: string, results: readonly string[], changes: Partial<JobEntry> = {}): JobEntry {
  return {
    id,
    uid: `uid of ${id}`,
    state: results.at(-1) === "SUCCEEDED" ? "SUCCEEDED" : "RETRYING",
    runCount: 1,
    attemptCount: results.length,
    attempts: results.map((result, index) => ({
      number: index + 1,
      result,
      httpStatus: statusOf[result] ?? 0,
      worker: "w",
    })),
    ...changes,
  };
}

export const calls = [begun("a"), acknowledged("a")];
export const fated = (fate: Fate): CallEntry[] => [
  { kind: "begun", call: "a", jobs: [{ id: "a", bodyHash: "body of a", fate }] },
  acknowledged("a"),
];
export const changeBegun = (change: ChangeKind, seen?: JobEntry, id = "a"): CallEntry => ({
  kind: "change-begun",
  change,
  id,
  seen,
});
export const changeAnswered = (change: ChangeKind, time = 9, state?: string, id = "a"): CallEntry => ({
  kind: "change-answered",
  change,
  id,
  state,
  time,
  wallTime: time,
});
export const changeRefused = (change: ChangeKind): CallEntry => ({
  kind: "change-refused",
  change,
  id: "a",
  code: "FAILED_PRECONDITION",
});
export const cancelBegun: CallEntry = changeBegun("cancel");
export const cancelAnswered = (time: number): CallEntry => changeAnswered("cancel", time, "CANCELLED");
export const ended = (state: string, ...results: string[]): JobEntry => job("a", results, { state });
export const refusedForGood: JobEntry = {
  ...ended("FAILED", "FAILED"),
  attempts: [{ number: 1, result: "FAILED", httpStatus: 400, worker: "w" }],
};
export const refused = request("a", 1, { status: 503 });
