/** The states of a job and the only ways from one to another. Stores, scheduler and API all ask this table. */

// Stores keep the index in this list: append only.
export const jobStates = [
  "SCHEDULED",
  "QUEUED",
  "DISPATCHING",
  "RETRYING",
  "SUCCEEDED",
  "FAILED",
  "HELD",
  "CANCELLED",
  "EXPIRED",
] as const;

export type JobState = (typeof jobStates)[number];

/** What can happen to a job. */
export type JobEvent =
  | "claim"
  | "succeed"
  | "fail"
  | "retry-later"
  | "hold"
  /** The claim is given back before anything was sent; the attempt does not count. */
  | "release"
  | "cancel"
  | "expire"
  /** A new run, asked for by a caller. */
  | "retry-now";

const waiting = { claim: "DISPATCHING", cancel: "CANCELLED", expire: "EXPIRED" } as const;

/** state × event → next state. What is not here cannot happen. */
export const transitions: { readonly [S in JobState]: { readonly [E in JobEvent]?: JobState } } = {
  SCHEDULED: waiting,
  QUEUED: waiting,
  DISPATCHING: {
    succeed: "SUCCEEDED",
    fail: "FAILED",
    "retry-later": "RETRYING",
    hold: "HELD",
    release: "QUEUED",
    cancel: "CANCELLED",
  },
  // An attempt has begun, so it can no longer expire.
  RETRYING: { claim: "DISPATCHING", cancel: "CANCELLED" },
  SUCCEEDED: {},
  FAILED: { "retry-now": "QUEUED" },
  HELD: { cancel: "CANCELLED", "retry-now": "QUEUED" },
  CANCELLED: { "retry-now": "QUEUED" },
  EXPIRED: { "retry-now": "QUEUED" },
};

/** The state after `event`, or undefined where the table does not allow it. */
export function nextState(state: JobState, event: JobEvent): JobState | undefined {
  return transitions[state][event];
}

/** True for the states in which nothing more is sent unless a caller asks for a new run. */
export function isTerminal(state: JobState): boolean {
  return state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED" || state === "EXPIRED";
}

/** The state that a new job starts in. */
export function initialState(scheduleTime: number | undefined, now: number): "SCHEDULED" | "QUEUED" {
  return scheduleTime !== undefined && scheduleTime > now ? "SCHEDULED" : "QUEUED";
}
