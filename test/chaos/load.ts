/** The jobs that a kill proof hands over: what each is depends on seed, round and its place in it, never on timing. */
import { createHash } from "node:crypto";
import type { DeepPartial, EnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { AmbiguityPolicy } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { ChangeKind, Fate, PlannedJob } from "./journal.ts";
import { between, createRandom } from "./random.ts";
import type { Random } from "./random.ts";

/** Shares are from 0 to 1, times milliseconds. */
export interface LoadProfile {
  /** Calls in flight. */
  readonly callers: number;
  readonly connections: number;
  /** Of the calls, so many are a BatchEnqueue; and so many one that comes in pieces. */
  readonly batchShare: number;
  readonly maxBatch: number;
  readonly largeBatchShare: number;
  readonly largeBatch: number;
  /** So many are a StreamEnqueue, each of its requests a call by itself. */
  readonly streamShare: number;
  readonly maxStream: number;
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
  /** So many jobs have a fate of their own, these alike; and of so many first attempts the connection is cut. */
  readonly fateShare: number;
  readonly fates: readonly Fate[];
  readonly cutShare: number;
  /** Of single calls, so many have a dedup_key, which stands in all those among so many calls. */
  readonly keyedShare: number;
  readonly callsPerKey: number;
  /** So many are cancelled when they are acknowledged. */
  readonly cancelShare: number;
  /** Of those and of those with a fate so many are to have a new run; and of batches, what FAILED in so many. */
  readonly retryShare: number;
  readonly bulkRetryShare: number;
  /** So many are deleted, if they have ended. */
  readonly deleteShare: number;
  /** How long after the acknowledgement, or after the change before, each change comes. */
  readonly changeMs: readonly [least: number, most: number];
  /** More than the kills of a round can use up. */
  readonly maxAttempts: number;
}

export const usualLoad: LoadProfile = {
  callers: 64,
  connections: 8,
  batchShare: 0.06,
  maxBatch: 15,
  largeBatchShare: 0.003,
  largeBatch: 250,
  streamShare: 0.04,
  maxStream: 10,
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
  fateShare: 0.25,
  fates: ["refused", "fail", "hold", "expires"],
  cutShare: 0.03,
  keyedShare: 0.12,
  callsPerKey: 40,
  cancelShare: 0.08,
  retryShare: 0.5,
  bulkRetryShare: 0.6,
  deleteShare: 0.1,
  changeMs: [0, 100],
  maxAttempts: 20,
};

export interface PlannedChange {
  readonly change: ChangeKind;
  /** Milliseconds after the acknowledgement, or after the change before. */
  readonly afterMs: number;
}

/** A call and what its jobs are expected to deliver. */
export interface PlannedCall {
  readonly call: string;
  readonly jobs: readonly PlannedJob[];
  /** Of its one job, one after the other. */
  readonly changes: readonly PlannedChange[];
  /** When those of its jobs that FAILED are to have a new run, milliseconds after the acknowledgement. */
  readonly bulkRetryMs?: number | undefined;
  /** One, or several for a BatchEnqueue. */
  readonly requests: readonly DeepPartial<EnqueueRequest>[];
}

export interface RoundPlan {
  readonly seed: string;
  readonly round: number;
  readonly targetUrl: string;
  readonly profile: LoadProfile;
}

/**
 * @param place in its round: 0, 1, …
 * @returns one call, or those of one stream
 */
export function planCalls(plan: RoundPlan, place: number): PlannedCall[] {
  const { profile } = plan;
  const call = `r${plan.round}-${place}`;
  const random = createRandom(`${plan.seed}/${call}`);
  const kind = random();
  if (kind < profile.streamShare) {
    const size = between(random, 2, profile.maxStream);
    return Array.from({ length: size }, (_, index) => planCall(plan, `${call}-${index}`, random, 1));
  }
  const isBatch = kind < profile.streamShare + profile.batchShare;
  if (isBatch) return [planCall(plan, call, random, between(random, 2, profile.maxBatch))];
  const isLarge = kind < profile.streamShare + profile.batchShare + profile.largeBatchShare;
  const isKeyed = !isLarge && random() < profile.keyedShare;
  const dedupKey = isKeyed ? `r${plan.round}/${Math.floor(place / profile.callsPerKey)}` : undefined;
  return [planCall(plan, call, random, isLarge ? profile.largeBatch : 1, dedupKey)];
}

function planCall(
  { targetUrl, profile }: RoundPlan,
  call: string,
  random: Random,
  size: number,
  dedupKey?: string,
): PlannedCall {
  // A large batch is there to be stored; that it is sent is soon over.
  const ofBatch =
    size > profile.maxBatch ? { ...profile, slowShare: 0, verySlowShare: 0, refusedShare: 0 } : profile;
  const planned = Array.from({ length: size }, (_, index) =>
    planJob(random, size === 1 ? call : `${call}-${index}`, targetUrl, ofBatch, dedupKey),
  );
  const isBatch = size > 1 && size <= profile.maxBatch;
  return {
    call,
    jobs: planned.map(({ id, bodyHash, fate }) => ({ id, bodyHash, fate, dedupKey })),
    changes: size === 1 ? planChanges(random, profile, planned[0]!.fate) : [],
    ...(isBatch &&
      random() < profile.bulkRetryShare && { bulkRetryMs: between(random, ...profile.changeMs) }),
    requests: planned.map(({ request }) => request),
  };
}

function planChanges(random: Random, profile: LoadProfile, fate: Fate | undefined): PlannedChange[] {
  const isCancelled = random() < profile.cancelShare;
  const isRetried = random() < profile.retryShare && (isCancelled || fate !== undefined);
  const isDeleted = random() < profile.deleteShare;
  const kinds = [isCancelled && "cancel", isRetried && "retry", isDeleted && "delete"] as const;
  return kinds
    .filter((kind) => kind !== false)
    .map((change) => ({ change, afterMs: between(random, ...profile.changeMs) }));
}

const ambiguityPolicies = {
  fail: AmbiguityPolicy.AMBIGUITY_POLICY_FAIL,
  hold: AmbiguityPolicy.AMBIGUITY_POLICY_HOLD,
};

/** A UUID. */
function requestIdOf(id: string): string {
  const hex = createHash("sha256").update(id).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    "-",
  );
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
  dedupKey: string | undefined,
): PlannedJob & { request: DeepPartial<EnqueueRequest> } {
  const { fates } = profile;
  const fate = random() < profile.fateShare ? fates[between(random, 0, fates.length - 1)] : undefined;
  const isOnce = fate === "fail" || fate === "hold";
  const speed = random();
  const slow = speed < profile.verySlowShare ? profile.verySlowMs : profile.slowMs;
  const delay = speed < profile.verySlowShare + profile.slowShare ? between(random, ...slow) : 0;
  const isRefused = random() < profile.refusedShare && !isOnce;
  const refuse = isRefused ? between(random, 1, profile.maxRefusals) : 0;
  // Of those that are sent once at the most, the outcome is to be unknown more often than kills make it.
  const cut = random() < (isOnce ? 0.3 : profile.cutShare) ? 1 : 0;
  const size = random() < profile.bodyShare ? between(random, 1, profile.maxBodyBytes) : 0;
  const body = Buffer.alloc(size, `${id} ${random()} `);
  const isLater = random() < profile.laterShare || fate === "expires";
  const later = Date.now() + between(random, ...profile.laterMs);
  const status = fate === "refused" ? 400 : 200;
  const query = `refuse=${refuse}&delay=${delay}&cut=${cut}&status=${status}`;
  const withRequestId = random() < 0.5;
  return {
    id,
    fate,
    bodyHash: hashBody(body),
    request: {
      jobId: id,
      ...(withRequestId && { requestId: requestIdOf(id) }),
      job: {
        target: {
          $case: "http",
          http: { method: "POST", url: `${targetUrl}/${id}?${query}`, body },
        },
        ...(dedupKey !== undefined && { dedupKey }),
        ...(isLater && { scheduleTime: new Date(later) }),
        ...(fate === "expires" && { expireTime: new Date(later + 20) }),
        maxAttempts: isOnce ? 1 : profile.maxAttempts,
        ambiguityPolicy: isOnce ? ambiguityPolicies[fate] : AmbiguityPolicy.AMBIGUITY_POLICY_UNSPECIFIED,
        retryPolicy: {
          initialBackoff: { seconds: 0n, nanos: 20_000_000 },
          maxBackoff: { seconds: 0n, nanos: 200_000_000 },
        },
      },
    },
  };
}
