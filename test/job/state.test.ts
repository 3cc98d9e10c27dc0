import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import {
  initialState,
  isTerminal,
  jobStates,
  nextState,
  transitions,
  type JobEvent,
  type JobState,
} from "../../server/src/job/state.ts";

const events: readonly JobEvent[] = [
  "claim",
  "succeed",
  "fail",
  "retry-later",
  "hold",
  "release",
  "cancel",
  "expire",
  "retry-now",
];

/** The whole table once more, written as one would read it aloud: a change here is a change of a promise. */
const allowed: readonly (readonly [from: JobState, event: JobEvent, to: JobState])[] = [
  ["SCHEDULED", "claim", "DISPATCHING"],
  ["SCHEDULED", "cancel", "CANCELLED"],
  ["SCHEDULED", "expire", "EXPIRED"],
  ["QUEUED", "claim", "DISPATCHING"],
  ["QUEUED", "cancel", "CANCELLED"],
  ["QUEUED", "expire", "EXPIRED"],
  ["DISPATCHING", "succeed", "SUCCEEDED"],
  ["DISPATCHING", "fail", "FAILED"],
  ["DISPATCHING", "retry-later", "RETRYING"],
  ["DISPATCHING", "hold", "HELD"],
  ["DISPATCHING", "release", "QUEUED"],
  ["DISPATCHING", "cancel", "CANCELLED"],
  ["RETRYING", "claim", "DISPATCHING"],
  ["RETRYING", "cancel", "CANCELLED"],
  ["FAILED", "retry-now", "QUEUED"],
  ["HELD", "cancel", "CANCELLED"],
  ["HELD", "retry-now", "QUEUED"],
  ["CANCELLED", "retry-now", "QUEUED"],
  ["EXPIRED", "retry-now", "QUEUED"],
];

const target = new Map(allowed.map(([from, event, to]) => [`${from} ${event}`, to]));
const everyPair = jobStates.flatMap((state) => events.map((event) => ({ state, event })));

/** All states that can be reached from `start` by these events, `start` among them. */
function reachable(start: JobState, by: readonly JobEvent[]): Set<JobState> {
  const seen = new Set<JobState>([start]);
  for (const state of seen) {
    for (const event of by) {
      const next = nextState(state, event);
      if (next !== undefined) seen.add(next);
    }
  }
  return seen;
}

describe("the transition table", () => {
  test.each(everyPair)("$state on $event goes where the table says, or nowhere", ({ state, event }) => {
    expect(nextState(state, event)).toBe(target.get(`${state} ${event}`));
  });

  test("knows no state and no event besides the listed ones", () => {
    expect(Object.keys(transitions).toSorted()).toEqual([...jobStates].toSorted());
    const used = new Set(Object.values(transitions).flatMap((row) => Object.keys(row)));
    expect([...used].toSorted()).toEqual([...events].toSorted());
  });

  test("has no event that leaves SUCCEEDED", () => {
    expect(reachable("SUCCEEDED", events)).toEqual(new Set(["SUCCEEDED"]));
  });

  test.each(["SCHEDULED", "QUEUED"] as const)("leads from %s to every terminal state", (start) => {
    const states = reachable(start, events);
    for (const state of jobStates.filter(isTerminal)) expect(states).toContain(state);
  });

  test("leaves every terminal state only by a caller's wish for a new run", () => {
    const withoutCaller = events.filter((event) => event !== "retry-now");
    for (const state of jobStates.filter(isTerminal)) {
      expect(reachable(state, withoutCaller)).toEqual(new Set([state]));
    }
  });

  test("lets every state that is not terminal come to an end", () => {
    for (const state of jobStates.filter((state) => !isTerminal(state))) {
      expect([...reachable(state, events)].some(isTerminal)).toBe(true);
    }
  });

  test("expires nothing of which an attempt has begun", () => {
    for (const state of reachable("DISPATCHING", ["succeed", "fail", "retry-later", "hold", "claim"])) {
      expect(nextState(state, "expire")).toBeUndefined();
    }
  });

  test("lets a caller cancel exactly what has not ended", () => {
    for (const state of jobStates) {
      expect(nextState(state, "cancel")).toBe(isTerminal(state) ? undefined : "CANCELLED");
    }
  });

  test("starts an attempt only by a claim, and ends the claim before the next one", () => {
    for (const { state, event } of everyPair) {
      expect(nextState(state, event) === "DISPATCHING").toBe(
        event === "claim" && ["SCHEDULED", "QUEUED", "RETRYING"].includes(state),
      );
    }
  });

  test("never walks out of its states, whatever happens in whatever order", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 60 }), (happenings) => {
        let state: JobState = "QUEUED";
        let succeeded = false;
        for (const event of happenings) {
          state = nextState(state, event) ?? state;
          expect(jobStates).toContain(state);
          succeeded ||= state === "SUCCEEDED";
          expect(state === "SUCCEEDED").toBe(succeeded);
        }
      }),
    );
  });
});

describe("isTerminal", () => {
  test.each([
    ["SCHEDULED", false],
    ["QUEUED", false],
    ["DISPATCHING", false],
    ["RETRYING", false],
    ["SUCCEEDED", true],
    ["FAILED", true],
    ["HELD", false],
    ["CANCELLED", true],
    ["EXPIRED", true],
  ] as const)("of %s is %s", (state, terminal) => {
    expect(isTerminal(state)).toBe(terminal);
  });
});

describe("initialState", () => {
  test.each([
    ["no time", undefined, "QUEUED"],
    ["a time that has passed", 999, "QUEUED"],
    ["this very moment", 1000, "QUEUED"],
    ["a later time", 1001, "SCHEDULED"],
    ["the epoch", 0, "QUEUED"],
  ] as const)("with %s is right", (_what, scheduleTime, expected) => {
    expect(initialState(scheduleTime, 1000)).toBe(expected);
  });

  test("can be claimed", () => {
    fc.assert(
      fc.property(fc.option(fc.nat(), { nil: undefined }), fc.nat(), (scheduleTime, now) => {
        expect(nextState(initialState(scheduleTime, now), "claim")).toBe("DISPATCHING");
      }),
    );
  });
});
