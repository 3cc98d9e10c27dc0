/* oxlint-disable vitest/expect-expect -- expectSpec and expectBytes assert */
import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import type { Attempt, Header, HttpResponse, JobSpec, NewJob } from "../../../server/src/job/job.ts";
import {
  bytes,
  claimOne,
  endedAs,
  get,
  insert,
  newJob,
  propertyRuns,
  propertyTimeoutMs,
  refused,
  registerWorker,
  responseOf,
  retriedAt,
  setUp,
  start,
  succeeded,
  type OpenStore,
} from "./setting.ts";

/** 9999-12-31T23:59:59.999Z and 0001-01-01T00:00:00Z, the bounds of google.protobuf.Timestamp, in milliseconds. */
const lastTime = 253_402_300_799_999;
const firstTime = -62_135_596_800_000;

const everyByte = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
const texts = [
  "",
  " ",
  "Grüße, 世界",
  "👩‍👩‍👧‍👦 🏳️‍🌈",
  "\u{10ffff}\u{fffd}\ufeff",
  "a'b\"c\\d`e",
  "line\r\n\ttab",
  "%s ?1 :x",
];

/** A job with something particular in every field. */
export function rich(changes: Partial<NewJob> = {}): NewJob {
  return newJob({
    queue: "Queue_1-x",
    priority: 9,
    createTime: start - 7,
    request: {
      method: "PATCH",
      url: "https://user.example:8443/a%20b/%E4%B8%96?q=1&q=2#fragment",
      headers: [
        { name: "X-Twice", value: "second comes after first" },
        { name: "accept", value: "" },
        { name: "x-twice", value: "ü" },
        { name: "X-Twice", value: "first" },
        { name: "X-Twice", value: "first" },
        { name: "__proto__", value: "plain" },
      ],
      body: everyByte,
      parameters: new Map([
        ["a", ""],
        ["", "b"],
        ["__proto__", "x"],
        ...texts.map((text) => [text, text] as const),
      ]),
    },
    maxAttempts: 1000,
    retryPolicy: { initialBackoffMs: 1, maxBackoffMs: 86_400_000, multiplier: 1.1, jitter: "equal" },
    attemptTimeoutMs: 1_800_000,
    labels: new Map([
      ["__proto__", "not a prototype"],
      ["constructor", "toString"],
      ["hasOwnProperty", ""],
      ["1", "number-like"],
      ["0", "sorted before"],
      ...texts.map((text) => [`label ${text}`, text] as const),
    ]),
    trace: {
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      tracestate: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    },
    ...changes,
  });
}

/** Bodies apart: comparing a mebibyte one element after the other takes seconds, and its difference fills the screen. */
function expectBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  expect(actual).toBeInstanceOf(Uint8Array);
  expect(actual?.length).toBe(expected.length);
  expect(Buffer.from(actual ?? []).equals(expected)).toBe(true);
}

function sorted(map: ReadonlyMap<string, string>): (readonly [string, string])[] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function numbersOf({ maxAttempts, retryPolicy, attemptTimeoutMs, trace }: JobSpec) {
  return { maxAttempts, retryPolicy, attemptTimeoutMs, trace };
}

export function expectSpec(actual: JobSpec | undefined, expected: JobSpec): void {
  if (actual === undefined) throw new Error("no spec");
  const { request, labels } = actual;
  expect(request.method).toBe(expected.request.method);
  expect(request.url).toBe(expected.request.url);
  expect(request.headers).toEqual(expected.request.headers);
  expect(sorted(request.parameters)).toEqual(sorted(expected.request.parameters));
  expectBytes(request.body, expected.request.body);
  expect(sorted(labels)).toEqual(sorted(expected.labels));
  expect(numbersOf(actual)).toEqual(numbersOf(expected));
}

function expectResponse(actual: HttpResponse | undefined, expected: HttpResponse): void {
  expect({ ...actual, body: undefined }).toEqual({ ...expected, body: undefined });
  expectBytes(actual?.body, expected.body);
}

const headers: fc.Arbitrary<Header[]> = fc.array(
  fc.record({ name: fc.string({ minLength: 1, maxLength: 20 }), value: fc.string({ maxLength: 40 }) }),
  { maxLength: 8 },
);
/** Any text but NUL, which no header, label or URL may hold. */
const text = fc.string({ unit: "binary", maxLength: 30 }).map((value) => value.replaceAll("\0", "0"));
const map = fc
  .array(fc.tuple(fc.oneof(text, fc.constantFrom("__proto__", "valueOf", "")), text), { maxLength: 6 })
  .map((entries) => new Map(entries));
const time = fc.integer({ min: start, max: lastTime });

const anyJob = fc.record({
  queue: text,
  priority: fc.integer({ min: 0, max: 9 }),
  createTime: time,
  expireTime: fc.option(time, { nil: undefined }),
  request: fc.record({
    method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
    url: fc.webUrl({ withQueryParameters: true }),
    headers,
    body: fc.uint8Array({ maxLength: 300 }),
    parameters: map,
  }),
  maxAttempts: fc.integer({ min: 1, max: 1000 }),
  retryPolicy: fc.record({
    initialBackoffMs: fc.integer({ min: 1, max: 1e9 }),
    maxBackoffMs: fc.integer({ min: 1, max: 1e12 }),
    multiplier: fc.double({ min: 1, max: 100, noNaN: true }),
    jitter: fc.constantFrom("none", "full", "equal"),
  }),
  attemptTimeoutMs: fc.integer({ min: 1, max: 1_800_000 }),
  labels: map,
  trace: fc.record({ traceparent: text, tracestate: text }),
});

export function describeRoundTrip(open: OpenStore): void {
  describe("what was stored comes back exactly", () => {
    test("for a job with something particular in every field", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const job = rich({ scheduleTime: start + 1, expireTime: start + 2 });
      await insert(setting.store, worker, [job]);
      const record = await get(setting.store, job.id);
      const { id, uid, queue, priority, createTime, scheduleTime, expireTime } = job;
      expect(record).toMatchObject({
        id,
        uid,
        queue,
        priority,
        createTime,
        scheduleTime,
        expireTime,
        state: "SCHEDULED",
        attemptCount: 0,
        attempts: [],
        response: undefined,
        lastError: undefined,
        nextAttemptTime: start + 1,
      });
      expectSpec(record.spec, job);
    });

    test("for a job with as little as there can be", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const request = {
        method: "GET",
        url: "http://a/",
        headers: [],
        body: new Uint8Array(),
        parameters: new Map<string, string>(),
      };
      const job = newJob({ request });
      await insert(setting.store, worker, [job]);
      const record = await get(setting.store, job.id);
      expect(record).toMatchObject({ scheduleTime: undefined, expireTime: undefined });
      expectSpec(record.spec, job);
      expectSpec(await claimOne(setting.store, worker), job);
    });

    test("for a uid that is the id, and one that is not", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const uid = "01890a5d-ac96-774b-bcce-b302099a8057";
      const batch = [
        newJob({ id: uid, uid }),
        newJob({ id: "named", uid: "01890a5d-0000-774b-bcce-b302099a8057" }),
      ];
      await insert(setting.store, worker, batch);
      for (const job of batch) expect((await get(setting.store, job.id)).uid).toBe(job.uid);
      const { jobs } = await setting.store.claim(worker, 2, start);
      for (const job of jobs) expect(job.uid).toBe(batch.find(({ id }) => id === job.id)?.uid);
    });

    test.each<[string, Partial<NewJob>]>([
      ["the smallest numbers", { priority: 0, maxAttempts: 1, attemptTimeoutMs: 1, createTime: 0 }],
      [
        "the largest numbers",
        { priority: 9, maxAttempts: 1000, attemptTimeoutMs: 1_800_000, createTime: lastTime },
      ],
      ["the latest times", { scheduleTime: lastTime, expireTime: lastTime }],
      ["the earliest times", { scheduleTime: firstTime, expireTime: firstTime }],
      ["times of zero", { scheduleTime: 0, expireTime: 0 }],
      [
        "the smallest retry policy",
        { retryPolicy: { initialBackoffMs: 1, maxBackoffMs: 1, multiplier: 1, jitter: "none" } },
      ],
      [
        "the largest retry policy",
        {
          retryPolicy: {
            initialBackoffMs: 315_576_000_000_000,
            maxBackoffMs: 315_576_000_000_000,
            multiplier: 100,
            jitter: "full",
          },
        },
      ],
      [
        "a multiplier with all its digits",
        {
          retryPolicy: {
            initialBackoffMs: 3,
            maxBackoffMs: 7,
            multiplier: 1 + Number.EPSILON,
            jitter: "equal",
          },
        },
      ],
    ])("for %s", async (_what, changes) => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const job = rich(changes);
      await insert(setting.store, worker, [job]);
      const record = await get(setting.store, job.id);
      const { priority, createTime, scheduleTime, expireTime } = job;
      expect(record).toMatchObject({ priority, createTime, scheduleTime, expireTime });
      expectSpec(record.spec, job);
    });

    test("for a body of a mebibyte, read and claimed", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const body = Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 31 + (index >> 8)) % 256);
      const job = newJob();
      const large = { ...job, request: { ...job.request, body } };
      await insert(setting.store, worker, [large]);
      expectSpec((await get(setting.store, job.id)).spec, large);
      expectSpec(await claimOne(setting.store, worker), large);
    });

    test("for a body that is a view into a larger buffer", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const body = new Uint8Array(everyByte.buffer, 100, 50);
      const job = rich({ request: { ...rich().request, body } });
      await insert(setting.store, worker, [
        job,
        { ...newJob(), request: { ...job.request, body: Buffer.from(body) } },
      ]);
      for (const claimed of (await setting.store.claim(worker, 2, start)).jobs) {
        expectBytes(claimed.request.body, body);
      }
    });

    test("for 64 labels and many headers, in the order of the headers", async () => {
      await using setting = await setUp(open);
      const worker = await registerWorker(setting.store);
      const many = Array.from({ length: 300 }, (_, index) => ({ name: `x-${index % 7}`, value: `${index}` }));
      const labels = new Map(Array.from({ length: 64 }, (_, index) => [`label-${index}`, "é".repeat(127)]));
      const job = rich({ labels, request: { ...rich().request, headers: many } });
      await insert(setting.store, worker, [job]);
      expectSpec((await get(setting.store, job.id)).spec, job);
    });

    test(
      "for whatever else a job may hold",
      async () => {
        await using setting = await setUp(open, 1_000_000);
        const { store } = setting;
        const worker = await registerWorker(store);
        await fc.assert(
          fc.asyncProperty(fc.array(anyJob, { minLength: 1, maxLength: 4 }), async (changes) => {
            const batch = changes.map((change) => newJob(change));
            await insert(store, worker, batch);
            for (const job of batch) {
              const record = await get(store, job.id);
              const { uid, queue, priority, createTime, expireTime } = job;
              expect(record).toMatchObject({ uid, queue, priority, createTime, expireTime });
              expectSpec(record.spec, job);
            }
          }),
          { numRuns: propertyRuns },
        );
      },
      propertyTimeoutMs,
    );

    test.each<[string, HttpResponse]>([
      ["a plain response", responseOf(200)],
      ["a response of nothing", { status: 204, headers: [], body: new Uint8Array(), truncated: false }],
      [
        "a response that was cut at the cap",
        { status: 599, headers: [], body: new Uint8Array(64 * 1024).fill(0xff), truncated: true },
      ],
      [
        "headers that come twice, in their order",
        {
          status: 100,
          headers: [
            { name: "set-cookie", value: "b=1" },
            { name: "date", value: "" },
            { name: "set-cookie", value: "a=ü" },
            { name: "__proto__", value: "x" },
          ],
          body: everyByte,
          truncated: false,
        },
      ],
      [
        "a body that is a view",
        { status: 200, headers: [], body: new Uint8Array(everyByte.buffer, 7, 90), truncated: false },
      ],
    ])("for %s", async (_what, response) => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const claimed = await claimOne(store, worker);
      expect(await store.finish(worker, [succeeded(claimed, response)])).toEqual(["recorded"]);
      const record = await get(store, claimed.id);
      expectResponse(record.response, response);
      expect(record.attempts).toMatchObject([{ httpStatus: response.status, error: undefined }]);
    });

    test.each<Partial<Attempt>>([
      { result: "failed", httpStatus: 599, error: { reason: "STATUS_PERMANENT", message: "" } },
      { result: "not-sent", error: { reason: "DNS_NXDOMAIN", message: texts.join("|") } },
      { result: "outcome-unknown", error: { reason: "TOTAL_TIMEOUT", message: "x".repeat(10_000) } },
      { result: "failed", startTime: 0, endTime: lastTime, worker: "wörker/1 '\"" },
      { result: "failed", startTime: start, endTime: start, worker: "", error: refused },
      { dueTime: undefined, claimTime: undefined, passage: {} },
      {
        passage: {
          ...{ resolveTime: start + 101, connectTime: start + 102, tlsTime: start + 103 },
          ...{ sendTime: start + 104, firstByteTime: start + 105, retryAfterTime: lastTime },
          ...{ localAddress: "[2001:db8::1]:1", remoteAddress: "192.0.2.1:443" },
          ...{ sentBytes: 0, receivedBytes: Number.MAX_SAFE_INTEGER },
        },
      },
    ])("for the attempt %o", async (changes) => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const claimed = await claimOne(store, worker);
      const finished = endedAs("FAILED", claimed, changes);
      await store.finish(worker, [finished]);
      const record = await get(store, claimed.id);
      expect(record.attempts).toEqual([finished.attempt]);
      expect(record.lastError).toEqual(finished.attempt.error);
    });

    test("for two responses of a job only the later one", async () => {
      await using setting = await setUp(open);
      const { store } = setting;
      const worker = await registerWorker(store);
      await insert(store, worker, [newJob()]);
      const first = await claimOne(store, worker);
      const long = { ...responseOf(503, "a long answer"), truncated: true };
      await store.finish(worker, [retriedAt(start, first, { httpStatus: 503, response: long })]);
      expectResponse((await get(store, first.id)).response, long);
      const second = await claimOne(store, worker, start + 1);
      const short = { status: 200, headers: [], body: bytes("ok"), truncated: false };
      await store.finish(worker, [succeeded(second, short)]);
      expectResponse((await get(store, first.id)).response, short);
    });
  });
}
