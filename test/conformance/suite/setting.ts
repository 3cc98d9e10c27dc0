/** What the tests of the suite share: a store to try, jobs to put in, and how attempts end. */
import { expect } from "vitest";
import { RelayError } from "../../../server/src/job/error.ts";
import type { Attempt, Failure, HttpResponse, JobRecord, NewJob } from "../../../server/src/job/job.ts";
import type {
  FinishedAttempt,
  InsertResult,
  JobPart,
  RecoverResult,
  Store,
} from "../../../server/src/store/store.ts";
import { newJob as anyJob } from "../../support/new-job.ts";

export interface OpenedStore {
  readonly store: Store;
  /** Opens the same data once more; the stores opened before may be open or closed. */
  reopen(): Promise<Store>;
  /** Removes the data; all stores on it are closed by then. */
  cleanup(): Promise<void>;
}

export type OpenStore = (options: { readonly maxDepth: number }) => Promise<OpenedStore>;

export interface Setting extends AsyncDisposable {
  readonly store: Store;
  reopen(): Promise<Store>;
}

/** Opens a store for one test; `await using` closes whatever the test left open and removes the data. */
export async function setUp(open: OpenStore, maxDepth = 10_000): Promise<Setting> {
  const opened = await open({ maxDepth });
  const stores = [opened.store];
  return {
    store: opened.store,
    async reopen() {
      const store = await opened.reopen();
      stores.push(store);
      return store;
    },
    async [Symbol.asyncDispose]() {
      for (const store of stores) {
        await store.close().catch((error: unknown) => {
          if (!(error instanceof RelayError)) throw error;
        });
      }
      await opened.cleanup();
    },
  };
}

/** Where the clocks of all tests stand at the beginning. */
export const start = 1_700_000_000_000;
export const leaseMs = 10_000;

/** How often each property is tried. */
export const propertyRuns = Number(process.env["FIELDPOST_PROPERTY_RUNS"] ?? 50);
/** Each run may open a store of its own, and a failure is shrunk. */
export const propertyTimeoutMs = 60_000 + propertyRuns * 1000;

export const noParts: ReadonlySet<JobPart> = new Set();
export const allParts: ReadonlySet<JobPart> = new Set<JobPart>([
  "spec",
  "body",
  "attempts",
  "response",
  "response-body",
  "last-error",
]);

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A plain job that is due at once, made when the suite's clock starts. */
export function newJob(changes: Partial<NewJob> = {}): NewJob {
  return anyJob({ createTime: start, ...changes });
}

export function newJobs(count: number, changes: Partial<NewJob> = {}): NewJob[] {
  return Array.from({ length: count }, () => newJob(changes));
}

export function idsOf(list: readonly { readonly id: string }[]): string[] {
  return list.map((job) => job.id);
}

export async function registerWorker(store: Store, name = "worker-1", now = start): Promise<number> {
  return store.registerWorker({ name, now, leaseMs });
}

export type Stored = Extract<InsertResult, { kind: "stored" }>;

/** Stores jobs that must fit. */
export async function insert(
  store: Store,
  worker: number,
  list: readonly NewJob[],
  { claimUpTo = 0, now = start } = {},
): Promise<readonly Stored[]> {
  const results = await store.insert(worker, list, now, { claimUpTo });
  expect(results).toHaveLength(list.length);
  return results.map((result) => {
    if (result.kind !== "stored") throw new Error(`not stored: ${JSON.stringify(result)}`);
    return result;
  });
}

const nothingAsked = { spec: undefined, attempts: undefined, response: undefined, lastError: undefined };

/** A job that is there; parts that were not asked for, or are not there, are undefined, even if the store left them out. */
export async function get(store: Store, id: string, parts = allParts): Promise<JobRecord> {
  const record = await store.get(id, parts);
  if (record === undefined) throw new Error(`no job ${id}`);
  return { ...nothingAsked, ...record };
}

export async function statesOf(store: Store, list: readonly { readonly id: string }[]): Promise<string[]> {
  const states: string[] = [];
  for (const { id } of list) states.push((await get(store, id, noParts)).state);
  return states;
}

/** The only job that can be claimed now. */
export async function claimOne(store: Store, worker: number, now = start) {
  const { jobs } = await store.claim(worker, 10, now);
  expect(jobs).toHaveLength(1);
  const [job] = jobs;
  if (job === undefined) throw new Error("nothing claimed");
  return job;
}

export const refused: Failure = { reason: "CONN_REFUSED", message: "127.0.0.1:8000 refused the connection" };

export function responseOf(status: number, body = "ok"): HttpResponse {
  return { status, headers: [{ name: "server", value: "nginx" }], body: bytes(body), truncated: false };
}

export interface Running {
  readonly key: number;
  readonly attempt: number;
}

function attemptOf(number: number, changes: Partial<Attempt>): Attempt {
  return {
    number,
    result: "failed",
    startTime: start + 100,
    endTime: start + 200,
    httpStatus: 0,
    error: refused,
    worker: "worker-1",
    dueTime: start + 20,
    claimTime: start + 50,
    passage: { localAddress: "192.0.2.1:40000", sentBytes: 120, sendTime: start + 110 },
    ...changes,
  };
}

export function succeeded(
  { key, attempt }: Running,
  response: HttpResponse = responseOf(200),
): FinishedAttempt {
  return {
    key,
    attempt: attemptOf(attempt, { result: "succeeded", httpStatus: response.status, error: undefined }),
    response,
    next: { state: "SUCCEEDED" },
  };
}

export function endedAs(
  state: "FAILED" | "HELD",
  { key, attempt }: Running,
  changes: Partial<Attempt> = {},
): FinishedAttempt {
  return { key, attempt: attemptOf(attempt, changes), response: undefined, next: { state } };
}

export function retriedAt(
  nextAttemptTime: number,
  { key, attempt }: Running,
  changes: Partial<Attempt> & { readonly response?: HttpResponse } = {},
): FinishedAttempt {
  const { response, ...ofAttempt } = changes;
  const httpStatus = response?.status ?? 0;
  const next = { state: "RETRYING", nextAttemptTime } as const;
  return { key, attempt: attemptOf(attempt, { httpStatus, ...ofAttempt }), response, next };
}

/** Brings a new job into a state, by the shortest way. @returns its id and, if an attempt runs or ran, key and attempt */
export async function jobIn(
  store: Store,
  worker: number,
  state: JobRecord["state"],
  changes: Partial<NewJob> = {},
): Promise<{ readonly id: string; readonly key: number; readonly attempt: number }> {
  const job = newJob({
    scheduleTime: state === "SCHEDULED" ? start + 60_000 : undefined,
    expireTime: state === "EXPIRED" ? start + 500 : undefined,
    ...changes,
  });
  const claimUpTo = ["SCHEDULED", "QUEUED", "EXPIRED", "CANCELLED"].includes(state) ? 0 : 1;
  const [stored] = await insert(store, worker, [job], { claimUpTo });
  if (stored === undefined) throw new Error("not stored");
  if (claimUpTo === 1) expect(stored.claimed).toBe(true);
  const running = { id: job.id, key: stored.key, attempt: claimUpTo };
  if (state === "SUCCEEDED") await store.finish(worker, [succeeded(running)]);
  if (state === "FAILED" || state === "HELD") await store.finish(worker, [endedAs(state, running)]);
  if (state === "RETRYING") await store.finish(worker, [retriedAt(start + 60_000, running)]);
  if (state === "CANCELLED") await store.cancel(job.id, start);
  if (state === "EXPIRED") await store.claim(worker, 1, start + 1000);
  expect((await get(store, job.id, noParts)).state).toBe(state);
  return running;
}

export function sumOf(results: readonly RecoverResult[]): RecoverResult {
  return {
    requeued: results.reduce((sum, result) => sum + result.requeued, 0),
    failed: results.reduce((sum, result) => sum + result.failed, 0),
    held: results.reduce((sum, result) => sum + result.held, 0),
  };
}
