/** What the tests of the RPCs share: a relay without network, whose store and hand-over can be looked at. */
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { onTestFinished } from "vitest";
import { toGrpcError } from "../../server/src/api/status.ts";
import type { Call, HandOver, Relay } from "../../server/src/api/relay.ts";
import { EnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import type { DeepPartial } from "../../server/src/gen/fieldpost/v1/relay.ts";
import type { HttpTarget, Job } from "../../server/src/gen/fieldpost/v1/job.ts";
import { BadRequest, ErrorInfo, RetryInfo } from "../../server/src/gen/google/rpc/error_details.ts";
import { Status } from "../../server/src/gen/google/rpc/status.ts";
import type { ClaimedJob } from "../../server/src/job/job.ts";
import type { JobPart, Store } from "../../server/src/store/store.ts";
import { openMemoryStore } from "../conformance/memory-store.ts";

/** Where the clock stands at the beginning. */
export const start = 1_700_000_000_000;
export const maxBodyBytes = 1024;

/** The call of nobody in particular. */
export const call: Call = { context: ROOT_CONTEXT };

/** Remembers what it was told. Grants as many places as `room` says. */
export class FakeHandOver implements HandOver {
  room = 0;
  open = 0;
  readonly handedOver: ClaimedJob[] = [];
  readonly announced: number[] = [];

  reserve(wanted: number): number {
    const granted = Math.min(wanted, this.room);
    this.open += granted;
    return granted;
  }

  settle(reserved: number, jobs: readonly ClaimedJob[]): void {
    this.open -= reserved;
    this.handedOver.push(...jobs);
  }

  announce(time: number): void {
    this.announced.push(time);
  }
}

export type Stopped = Parameters<Relay["canceller"]["stop"]>[0];

export interface Setting extends Relay {
  readonly handOver: FakeHandOver;
  readonly stopped: readonly Stopped[];
  /** What the worker that is told to stop does. */
  onStop: (dispatching: Stopped) => Promise<unknown>;
  /** The parts that `store.get` and `store.list` were asked for, call by call. */
  readonly readParts: readonly ReadonlySet<JobPart>[];
  /** The clock goes on. */
  later(ms: number): void;
}

export interface SettingOptions {
  readonly maxDepth?: number;
  readonly seed?: number;
  /** Changes single methods of the store. */
  readonly wrap?: (store: Store) => Partial<Store>;
}

export async function openRelay({ maxDepth = 100, seed = 1, wrap }: SettingOptions = {}): Promise<Setting> {
  const kept = openMemoryStore({ maxDepth, seed });
  onTestFinished(() => kept.close());
  const readParts: ReadonlySet<JobPart>[] = [];
  const changed = wrap?.(kept) ?? {};
  const store = new Proxy(kept, {
    get(_, name: keyof Store) {
      const method = (changed[name] ?? kept[name].bind(kept)) as (...args: unknown[]) => unknown;
      if (name === "get") {
        return (id: string, parts: ReadonlySet<JobPart>) => {
          readParts.push(parts);
          return method(id, parts);
        };
      }
      if (name === "list") {
        return (query: Parameters<Store["list"]>[0]) => {
          readParts.push(query.parts);
          return method(query);
        };
      }
      return method;
    },
  });
  const stopped: Stopped[] = [];
  let now = start;
  let ending: Promise<unknown> = Promise.resolve();
  const setting: Setting = {
    store,
    worker: await kept.registerWorker({ name: "worker-1", now, leaseMs: 10_000 }),
    handOver: new FakeHandOver(),
    canceller: {
      stop(dispatching) {
        stopped.push(dispatching);
        ending = setting.onStop(dispatching);
      },
      async ended(key) {
        await ending;
        return !(await store.isSending(key));
      },
    },
    onStop: () => Promise.resolve(),
    stopped,
    readParts,
    limits: {
      maxBodyBytes,
      maxAttempts: 10,
      attemptTimeoutMs: 30_000,
      retryPolicy: { initialBackoffMs: 1000, maxBackoffMs: 3_600_000, multiplier: 2, jitter: "full" },
    },
    clock: () => now,
    later(ms) {
      now += ms;
    },
  };
  return setting;
}

export type JobInput = DeepPartial<Job>;
export type HttpInput = DeepPartial<HttpTarget>;

/** A job that is fine but for what the changes say. */
export function jobWith(changes: JobInput = {}, http: HttpInput = {}): JobInput {
  return { target: { $case: "http", http: { url: "http://target.test/hook", ...http } }, ...changes };
}

/** The request as it looks when it has come over the wire. */
export function received(request: DeepPartial<EnqueueRequest>): EnqueueRequest {
  return EnqueueRequest.decode(EnqueueRequest.encode(EnqueueRequest.create(request)).finish());
}

export interface SeenError {
  readonly code: number;
  readonly message: string;
  /** google.rpc.ErrorInfo. */
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  /** google.rpc.BadRequest. */
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly fields: readonly string[];
  /** google.rpc.RetryInfo. */
  readonly retryDelayMs: number | undefined;
  /** What the error takes in the trailers: grpc-status-details-bin in base64, grpc-message in percent encoding. */
  readonly metadataBytes: number;
}

/** The error as a caller sees it: read from what goes over the wire. */
export async function errorOf(answer: Promise<unknown>): Promise<SeenError> {
  const error = await answer.then(
    (value) => Promise.reject(new Error(`no error, but ${String(value)}`)),
    (error: unknown) => toGrpcError(error),
  );
  return decodeError(error);
}

export function decodeError(error: {
  readonly code: number;
  readonly details?: string;
  readonly metadata?: { get(name: string): (string | Buffer)[] };
}): SeenError {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const details = bytes === undefined ? [] : Status.decode(bytes as Buffer).details;
  const find = <T>(name: string, codec: { decode(bytes: Uint8Array): T }): T | undefined => {
    const found = details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`);
    return found === undefined ? undefined : codec.decode(found.value);
  };
  const info = find("ErrorInfo", ErrorInfo);
  const violations = find("BadRequest", BadRequest)?.fieldViolations ?? [];
  const delay = find("RetryInfo", RetryInfo)?.retryDelay;
  return {
    code: error.code,
    message: error.details ?? "",
    reason: info?.reason,
    domain: info?.domain,
    violations,
    fields: violations.map(({ field }) => field),
    metadataBytes:
      Math.ceil(((bytes as Buffer | undefined)?.length ?? 0) / 3) * 4 +
      encodeURIComponent(error.details ?? "").length,
    retryDelayMs: delay === undefined ? undefined : Number(delay.seconds) * 1000 + delay.nanos / 1e6,
  };
}
