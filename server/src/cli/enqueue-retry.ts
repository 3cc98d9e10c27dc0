/**
 * Hands over one request and tries again while the relay is away or full. Every request has a job_id here, and that
 * makes it safe: a try whose answer got lost may have stored the job, and then the next try finds the id taken.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "../job/retry.ts";
import type { RetryPolicy } from "../job/job.ts";
import type { Relay } from "./client.ts";
import { RpcError } from "./rpc-error.ts";

export interface RetryOptions {
  /** How long after the first try another one may begin; 0 for one try. */
  readonly retryForMs: number;
  /** Once aborted, no further try begins. */
  readonly stop: AbortSignal;
  /** Told before each wait. */
  onRetry(error: RpcError): void;
}

export type Sent =
  /** `job` is the relay's answer; undefined where an earlier try stored it and its answer got lost. */
  | { readonly kind: "stored"; readonly job: Buffer | undefined }
  | { readonly kind: "failed"; readonly error: RpcError };

const policy: RetryPolicy = { initialBackoffMs: 100, maxBackoffMs: 5000, multiplier: 2, jitter: "equal" };

export async function enqueueWithRetry(
  relay: Relay,
  request: Uint8Array,
  { retryForMs, stop, onRetry }: RetryOptions,
): Promise<Sent> {
  const start = performance.now();
  let maybeStored = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return { kind: "stored", job: await relay.call("Enqueue", request) };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.code === "ALREADY_EXISTS" && maybeStored) return { kind: "stored", job: undefined };
      const waitMs = waitAfter(error, attempt);
      if (waitMs === undefined || stop.aborted || performance.now() - start + waitMs > retryForMs) {
        return { kind: "failed", error };
      }
      // Full means that nothing was stored; all else may have happened after the commit.
      maybeStored ||= error.code !== "RESOURCE_EXHAUSTED";
      onRetry(error);
      if (!(await slept(waitMs, stop))) return { kind: "failed", error };
    }
  }
}

/** How long to wait before the next try; undefined where another one would do no better. */
function waitAfter(error: RpcError, attempt: number): number | undefined {
  switch (error.code) {
    case "UNAVAILABLE":
    case "DEADLINE_EXCEEDED":
      break;
    case "RESOURCE_EXHAUSTED":
      // Without a time it is a message that is too large for the relay (gRPC's own check), now and for ever.
      if (error.retryDelayMs === undefined) return undefined;
      break;
    default:
      return undefined;
  }
  return Math.max(error.retryDelayMs ?? 0, backoffMs(policy, attempt, Math.random()));
}

/** False if it was stopped before the time was over. */
async function slept(ms: number, stop: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal: stop });
    return true;
  } catch (error) {
    if (stop.aborted) return false;
    throw error;
  }
}
