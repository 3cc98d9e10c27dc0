/** From the message that a caller sent to a job that can be stored; every bad field is named (AIP-193). */
import { randomBytes } from "node:crypto";
import { AmbiguityPolicy } from "../gen/fieldpost/v1/job.ts";
import type { Job } from "../gen/fieldpost/v1/job.ts";
import type { EnqueueRequest } from "../gen/fieldpost/v1/relay.ts";
import type {
  AmbiguityPolicy as AmbiguityPolicyWord,
  HttpRequest,
  NewJob,
  RetryPolicy,
  TraceContext,
} from "../job/job.ts";
import { checkHttpTarget, noEntries } from "./check-http-target.ts";
import { checkRetryPolicy } from "./check-retry-policy.ts";
import { idRule, isId, queueName, quote } from "./names.ts";
import { checkRequestIdentity } from "./request-identity.ts";
import type { Violations } from "./violations.ts";
import { checkDuration } from "./wire-time.ts";

/** What a job gets where the caller says nothing, and the limits it must keep. */
export interface JobLimits {
  readonly maxBodyBytes: number;
  readonly maxAttempts: number;
  readonly attemptTimeoutMs: number;
  readonly retryPolicy: RetryPolicy;
}

const maxAttemptTimeoutMs = 30 * 60_000;
const maxMaxAttempts = 1000;
const maxRetentionMs = 10 * 365 * 24 * 3_600_000;
const maxDelayMs = 10 * 365 * 24 * 3_600_000;
const maxDedupKeyBytes = 255;
const maxLabels = 64;
const labelKey = /^[a-z0-9_.-]{1,63}$/;
const maxLabelValueBytes = 255;
const defaultQueue = "default";

const noRequest: HttpRequest = {
  method: "GET",
  url: "",
  headers: [],
  body: Buffer.alloc(0),
  parameters: noEntries,
};

/**
 * Checks one EnqueueRequest. The answer may be used only if nothing was added to `violations`.
 *
 * @param field path of the request inside the call, with a dot at its end; empty for the call itself
 */
export function checkEnqueueRequest(
  request: EnqueueRequest,
  field: string,
  limits: JobLimits,
  trace: TraceContext,
  now: number,
  violations: Violations,
): NewJob {
  const uid = uuidV7(now);
  if (request.jobId !== "" && !isId(request.jobId)) {
    violations.add(`${field}job_id`, `${quote(request.jobId)} ${idRule}`);
  }
  if (request.job === undefined) violations.add(`${field}job`, "is required");
  const job = request.job;
  const at = `${field}job`;
  const delayMs =
    request.delay === undefined
      ? undefined
      : checkDuration(request.delay, `${field}delay`, 0, maxDelayMs, violations);
  if (delayMs !== undefined && job?.scheduleTime !== undefined) {
    violations.add(`${field}delay`, "excludes job.schedule_time");
  }
  return {
    id: request.jobId === "" ? uid : request.jobId,
    uid,
    createTime: now,
    trace,
    requestIdentity: checkRequestIdentity(request, field, violations),
    ...(job === undefined ? emptyJob(limits) : checkJob(job, at, limits, now + (delayMs ?? 0), violations)),
    ...(delayMs === undefined ? {} : { scheduleTime: now + delayMs, isRelative: true }),
  };
}

type Checked = Omit<NewJob, "id" | "uid" | "createTime" | "trace" | "requestIdentity">;

function emptyJob(limits: JobLimits): Checked {
  return {
    queue: defaultQueue,
    request: noRequest,
    priority: 0,
    scheduleTime: undefined,
    expireTime: undefined,
    maxAttempts: limits.maxAttempts,
    retryPolicy: limits.retryPolicy,
    ambiguityPolicy: "retry",
    attemptTimeoutMs: limits.attemptTimeoutMs,
    labels: noEntries,
  };
}

function checkJob(job: Job, at: string, limits: JobLimits, now: number, violations: Violations): Checked {
  if (job.queue !== "" && job.queue !== queueName(defaultQueue)) {
    violations.add(
      `${at}.queue`,
      `${quote(job.queue)} does not exist; this release has ${queueName(defaultQueue)} only`,
    );
  }
  let request = noRequest;
  if (job.target === undefined) violations.add(`${at}.http`, "is required: a job needs a target");
  else request = checkHttpTarget(job.target.http, `${at}.http`, limits.maxBodyBytes, violations);
  if (Buffer.byteLength(job.dedupKey) > maxDedupKeyBytes) {
    violations.add(
      `${at}.dedup_key`,
      `${quote(job.dedupKey)} has ${Buffer.byteLength(job.dedupKey)} bytes, at most ${maxDedupKeyBytes} are allowed`,
    );
  }
  inRange(`${at}.priority`, job.priority, 0, 9, violations);
  inRange(`${at}.max_attempts`, job.maxAttempts, 0, maxMaxAttempts, violations);
  checkNotOffered(job, at, violations);
  const scheduleTime = checkTime(job.scheduleTime, `${at}.schedule_time`, violations);
  const expireTime = checkTime(job.expireTime, `${at}.expire_time`, violations);
  if (expireTime !== undefined && expireTime <= Math.max(now, scheduleTime ?? 0)) {
    violations.add(`${at}.expire_time`, "must be later than now and than schedule_time");
  }
  checkLabels(job.labels, `${at}.labels`, violations);
  return {
    queue: defaultQueue,
    request,
    priority: job.priority,
    scheduleTime,
    expireTime,
    maxAttempts: job.maxAttempts === 0 ? limits.maxAttempts : job.maxAttempts,
    retryPolicy:
      job.retryPolicy === undefined
        ? limits.retryPolicy
        : checkRetryPolicy(job.retryPolicy, `${at}.retry_policy`, limits.retryPolicy, violations),
    ambiguityPolicy: checkAmbiguityPolicy(job.ambiguityPolicy, `${at}.ambiguity_policy`, violations),
    attemptTimeoutMs:
      job.attemptTimeout === undefined
        ? limits.attemptTimeoutMs
        : checkDuration(job.attemptTimeout, `${at}.attempt_timeout`, 1, maxAttemptTimeoutMs, violations),
    labels: job.labels.size === 0 ? noEntries : job.labels,
    dedupKey: job.dedupKey === "" ? undefined : job.dedupKey,
    retentionMs:
      job.retention === undefined
        ? undefined
        : checkDuration(job.retention, `${at}.retention`, 0, maxRetentionMs, violations),
  };
}

const ambiguityPolicies: ReadonlyMap<AmbiguityPolicy, AmbiguityPolicyWord> = new Map([
  [AmbiguityPolicy.AMBIGUITY_POLICY_UNSPECIFIED, "retry"],
  [AmbiguityPolicy.AMBIGUITY_POLICY_RETRY, "retry"],
  [AmbiguityPolicy.AMBIGUITY_POLICY_FAIL, "fail"],
  [AmbiguityPolicy.AMBIGUITY_POLICY_HOLD, "hold"],
]);

function checkAmbiguityPolicy(
  policy: AmbiguityPolicy,
  field: string,
  violations: Violations,
): AmbiguityPolicyWord {
  const known = ambiguityPolicies.get(policy);
  if (known === undefined) violations.add(field, `${policy} is not a value of AmbiguityPolicy`);
  return known ?? "retry";
}

function notOffered(field: string, violations: Violations): void {
  violations.add(field, "is not offered in this release; leave it out");
}

function checkNotOffered(job: Job, at: string, violations: Violations): void {
  if (job.source !== "") notOffered(`${at}.source`, violations);
}

function inRange(field: string, value: number, min: number, max: number, violations: Violations): void {
  if (value < min || value > max) violations.add(field, `is ${value}, must be from ${min} to ${max}`);
}

function checkTime(time: Date | undefined, field: string, violations: Violations): number | undefined {
  if (time === undefined) return undefined;
  const ms = time.getTime();
  // google/protobuf/timestamp.proto: years 1 to 9999.
  if (!(ms >= -62_135_596_800_000 && ms <= 253_402_300_799_999)) {
    violations.add(field, "is not a time of the years 1 to 9999");
    return undefined;
  }
  return Math.trunc(ms);
}

function checkLabels(labels: ReadonlyMap<string, string>, field: string, violations: Violations): void {
  if (labels.size === 0) return;
  if (labels.size > maxLabels) {
    violations.add(field, `are ${labels.size}, at most ${maxLabels} are allowed`);
    return;
  }
  for (const [key, value] of labels) {
    if (!labelKey.test(key)) violations.add(field, `the key ${quote(key)} must match [a-z0-9_.-]{1,63}`);
    if (Buffer.byteLength(value) > maxLabelValueBytes) {
      violations.add(field, `the value of ${quote(key)} has more than ${maxLabelValueBytes} bytes`);
    }
  }
}

let pool = Buffer.alloc(0);
let used = 0;

const hexDigits = Buffer.from("0123456789abcdef", "latin1");
/** Where the two digits of each byte of a UUID stand in its text. */
const digitPlaces = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const uuidBytes = Buffer.alloc(16);
const uuidText = Buffer.alloc(36, "-", "latin1");

/**
 * A UUID of version 7 (RFC 9562, section 5.7): sorts by time, so that the store's index grows at its end. One flat string:
 * one that is put together from parts takes four times the memory, and a batch keeps thousands.
 */
export function uuidV7(now: number): string {
  if (used + 10 > pool.length) {
    pool = randomBytes(1280);
    used = 0;
  }
  uuidBytes.writeUIntBE(now, 0, 6);
  uuidBytes.set(pool.subarray(used, (used += 10)), 6);
  uuidBytes[6] = (uuidBytes[6]! & 0x0f) | 0x70;
  uuidBytes[8] = (uuidBytes[8]! & 0x3f) | 0x80;
  for (let index = 0; index < 16; index++) {
    const byte = uuidBytes[index]!;
    const place = digitPlaces[index]!;
    uuidText[place] = hexDigits[byte >> 4]!;
    uuidText[place + 1] = hexDigits[byte & 0x0f]!;
  }
  return uuidText.toString("latin1");
}
