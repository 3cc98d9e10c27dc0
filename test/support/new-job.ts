import type { ClaimedJob, NewJob } from "../../server/src/job/job.ts";

let jobs = 0;

/** A plain job that is due at once; everything in it can be said otherwise. */
export function newJob(changes: Partial<NewJob> = {}): NewJob {
  const number = jobs++;
  return {
    id: `job-${number}`,
    uid: `01890a5d-ac96-774b-bcce-${String(number).padStart(12, "0")}`,
    queue: "default",
    priority: 0,
    createTime: Date.now(),
    scheduleTime: undefined,
    expireTime: undefined,
    request: {
      method: "POST",
      url: "http://target.test/",
      headers: [{ name: "content-type", value: "text/plain" }],
      body: new TextEncoder().encode("hello"),
      parameters: new Map(),
    },
    maxAttempts: 3,
    retryPolicy: { initialBackoffMs: 1000, maxBackoffMs: 60_000, multiplier: 2, jitter: "none" },
    ambiguityPolicy: "retry",
    attemptTimeoutMs: 30_000,
    labels: new Map(),
    trace: { traceparent: "", tracestate: "" },
    ...changes,
  };
}

/** A new job as its insert hands it over. */
export function claimedFrom(
  job: NewJob,
  { key, now }: { readonly key: number; readonly now: number },
): ClaimedJob {
  const { createTime } = job;
  return {
    ...job,
    ...{ key, attempt: 1, attemptsBefore: 0, runTime: createTime, dueTime: now, claimTime: now },
    claimUptimeMs: performance.now(),
  };
}
