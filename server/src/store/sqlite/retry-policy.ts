/** The column `retry` of a spec. */
import type { Jitter, RetryPolicy } from "../../job/job.ts";

let lastPolicy: RetryPolicy | undefined;
let lastPolicyText = "";

/** Nearly all jobs have the policy of the configuration, which is one and the same object. */
export function encodeRetryPolicy(policy: RetryPolicy): string {
  if (policy !== lastPolicy) {
    const { initialBackoffMs, maxBackoffMs, multiplier, jitter, maxAgeMs, retryStatuses } = policy;
    const statuses = retryStatuses?.map(({ first, last }) => [first, last]);
    lastPolicyText = JSON.stringify([
      ...[initialBackoffMs, maxBackoffMs, multiplier, jitter],
      ...(maxAgeMs === undefined && statuses === undefined ? [] : [maxAgeMs ?? null, statuses ?? null]),
    ]);
    lastPolicy = policy;
  }
  return lastPolicyText;
}

/** The last two are missing where there is none, and in stores of the first release. */
type PolicyTuple = [
  initialBackoffMs: number,
  maxBackoffMs: number,
  multiplier: number,
  jitter: Jitter,
  maxAgeMs?: number | null,
  retryStatuses?: [first: number, last: number][] | null,
];

let lastDecoded: RetryPolicy | undefined;
let lastDecodedText = "";

export function decodeRetryPolicy(text: string): RetryPolicy {
  if (lastDecoded === undefined || text !== lastDecodedText) {
    const [initialBackoffMs, maxBackoffMs, multiplier, jitter, maxAgeMs, statuses] = JSON.parse(
      text,
    ) as PolicyTuple;
    lastDecoded = Object.freeze({
      initialBackoffMs,
      maxBackoffMs,
      multiplier,
      jitter,
      maxAgeMs: maxAgeMs ?? undefined,
      retryStatuses: statuses?.map(([first, last]) => ({ first, last })),
    });
    lastDecodedText = text;
  }
  return lastDecoded;
}
