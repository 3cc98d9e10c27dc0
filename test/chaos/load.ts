/** The jobs that a kill proof hands over: what each is depends on seed, round and its place in it, never on timing. */
import { createHash } from "node:crypto";
import type { DeepPartial, EnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { between, createRandom } from "./random.ts";
import type { Random } from "./random.ts";

/** Shares are from 0 to 1, times milliseconds. */
export interface LoadProfile {
  /** Calls in flight. */
  readonly callers: number;
  readonly connections: number;
  /** Of the calls, so many are a BatchEnqueue. */
  readonly batchShare: number;
  readonly maxBatch: number;
  /** So many answers of the target are slow, and so many very slow. */
  readonly slowShare: number;
  readonly slowMs: readonly [least: number, most: number];
  readonly verySlowShare: number;
  readonly verySlowMs: readonly [least: number, most: number];
  /** So many jobs are answered with 503 at first. */
  readonly refusedShare: number;
  readonly maxRefusals: number;
  readonly bodyShare: number;
  readonly maxBodyBytes: number;
  /** So many jobs are due later. */
  readonly laterShare: number;
  readonly laterMs: readonly [least: number, most: number];
}

export const usualLoad: LoadProfile = {
  callers: 64,
  connections: 8,
  batchShare: 0.06,
  maxBatch: 15,
  slowShare: 0.3,
  slowMs: [20, 400],
  verySlowShare: 0.02,
  verySlowMs: [1000, 2500],
  refusedShare: 0.2,
  maxRefusals: 2,
  bodyShare: 0.6,
  maxBodyBytes: 4000,
  laterShare: 0.05,
  laterMs: [50, 1500],
};

/** A call and what its jobs are expected to deliver. */
export interface PlannedCall {
  readonly call: string;
  readonly jobs: readonly { readonly id: string; readonly bodyHash: string }[];
  /** One, or several for a BatchEnqueue. */
  readonly requests: readonly DeepPartial<EnqueueRequest>[];
}

/** @param place of the call in its round: 0, 1, … */
export function planCall(
  {
    seed,
    round,
    targetUrl,
    profile,
  }: { seed: string; round: number; targetUrl: string; profile: LoadProfile },
  place: number,
): PlannedCall {
  const call = `r${round}-${place}`;
  const random = createRandom(`${seed}/${call}`);
  const size = random() < profile.batchShare ? between(random, 2, profile.maxBatch) : 1;
  const planned = Array.from({ length: size }, (_, index) =>
    planJob(random, size === 1 ? call : `${call}-${index}`, targetUrl, profile),
  );
  return {
    call,
    jobs: planned.map(({ id, bodyHash }) => ({ id, bodyHash })),
    requests: planned.map(({ request }) => request),
  };
}

/** The round that a job or call belongs to. */
export function roundOf(id: string): number {
  return Number(/^r(\d+)-/.exec(id)?.[1]);
}

export function hashBody(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex").slice(0, 16);
}

function planJob(
  random: Random,
  id: string,
  targetUrl: string,
  profile: LoadProfile,
): { id: string; bodyHash: string; request: DeepPartial<EnqueueRequest> } {
  const speed = random();
  const slow = speed < profile.verySlowShare ? profile.verySlowMs : profile.slowMs;
  const delay = speed < profile.verySlowShare + profile.slowShare ? between(random, ...slow) : 0;
  const refuse = random() < profile.refusedShare ? between(random, 1, profile.maxRefusals) : 0;
  const size = random() < profile.bodyShare ? between(random, 1, profile.maxBodyBytes) : 0;
  const body = Buffer.alloc(size, `${id} ${random()} `);
  const isLater = random() < profile.laterShare;
  const later = between(random, ...profile.laterMs);
  return {
    id,
    bodyHash: hashBody(body),
    request: {
      jobId: id,
      job: {
        target: {
          $case: "http",
          http: { method: "POST", url: `${targetUrl}/${id}?refuse=${refuse}&delay=${delay}`, body },
        },
        ...(isLater && { scheduleTime: new Date(Date.now() + later) }),
        // More than a few kills can use up.
        maxAttempts: 20,
        retryPolicy: {
          initialBackoff: { seconds: 0n, nanos: 20_000_000 },
          maxBackoff: { seconds: 0n, nanos: 200_000_000 },
        },
      },
    },
  };
}
