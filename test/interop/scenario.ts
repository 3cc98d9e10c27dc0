/**
 * What every client goes through against a real relay of two workers and a real target, and what it has to see. The client
 * prints a report: for each step the answer in ProtoJSON with proto names, which leaves out what is not there, or the error
 * with its details unpacked by the language's own library.
 */
import { expect } from "vitest";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import type { ReceivedRequest } from "../support/target.ts";

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly details: readonly { readonly type: string; readonly unpacked: boolean }[];
}

type Message = Readonly<Record<string, unknown>>;

interface Report {
  readonly [step: string]: unknown;
  readonly enqueued: Message;
  readonly jaeger: Message;
  readonly whole: Message;
  readonly batch: { readonly jobs: readonly Message[] };
  readonly pages: readonly (readonly Message[])[];
}

const body = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
const traceId = "0af7651916cd43dd8448eb211c80319c";
const jaegerTraceId = "1af7651916cd43dd8448eb211c80319c";
const scheduleTime = "2999-12-31T23:59:59.250Z";

/** 25 wait and 10 more do not fit; the two that are sent may still wait or not. */
const maxDepth = 30;

/** @param client is given the relay's address and the target's URL. @returns its report */
export async function goThroughScenario(
  client: (relay: string, target: string) => Promise<string>,
): Promise<void> {
  await using target = await startTarget(() => ({
    status: 201,
    headers: { "x-answer": "42" },
    body: "stored",
  }));
  await using relay = await startRelay({ args: ["--max-depth", String(maxDepth)] });
  const report = JSON.parse(await client(relay.grpcAddress, target.url)) as Report;
  const requests = await target.received(2);
  expectHealth(report);
  expectDelivery(report, target.url, requests);
  expectMasks(report);
  expectBatchAndPages(report);
  expectCancelling(report);
  expectErrors(report);
  const invalidArgument = 3;
  expect(report["stream"]).toEqual({
    refused: [[2, invalidArgument]],
    last: 3,
    stored: { state: "JOB_STATE_SCHEDULED" },
  });
  expect(await relay.stop()).toBe(0);
}

function expectHealth(report: Report): void {
  expect(report["health"]).toEqual([{ status: "SERVING" }, { status: "SERVING" }]);
  expect(report["health_unknown"]).toMatchObject({ code: "NOT_FOUND" });
}

function expectDelivery(report: Report, url: string, requests: readonly ReceivedRequest[]): void {
  const { enqueued, jaeger, whole } = report;
  expect(enqueued).toMatchObject({
    name: "jobs/full",
    uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    priority: 3,
    max_attempts: 4,
    attempt_timeout: "7.500s",
    labels: { team: "field", kind: "post" },
    trace_context: { traceparent: expect.stringMatching(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`)) },
  });
  const headers = [
    { name: "content-type", value: "application/octet-stream" },
    { name: "x-twice", value: "1" },
    { name: "x-twice", value: "2" },
  ];
  // The caller has the body; the answer leaves it out.
  expect(enqueued["http"]).toEqual({ method: "POST", url: `${url}/full`, headers });
  expect(jaeger["trace_context"]).toMatchObject({ traceparent: expect.stringContaining(jaegerTraceId) });
  expect(whole).toMatchObject({
    name: "jobs/full",
    uid: enqueued["uid"],
    state: "JOB_STATE_SUCCEEDED",
    http: { method: "POST", url: `${url}/full`, headers, body: body.toString("base64") },
    attempt_count: 1,
    attempts: [{ number: 1, result: "ATTEMPT_RESULT_SUCCEEDED", http_status: 201 }],
    response: { status: 201, body: Buffer.from("stored").toString("base64") },
  });
  const full = requests.find((request) => request.url === "/full");
  expect(full?.body.equals(body)).toBe(true);
  expect(full?.headers).toMatchObject({
    "content-type": "application/octet-stream",
    "x-twice": "1, 2",
    "idempotency-key": enqueued["uid"],
    "fieldpost-attempt": "1/4",
    traceparent: expect.stringContaining(traceId),
  });
  const other = requests.find((request) => request.url === "/jaeger");
  expect(other?.headers).toMatchObject({
    traceparent: expect.stringContaining(jaegerTraceId),
    "uber-trace-id": expect.stringContaining(jaegerTraceId),
  });
}

function expectMasks(report: Report): void {
  // toEqual: these fields and no other.
  expect(report["masked"]).toEqual({
    state: "JOB_STATE_SUCCEEDED",
    http: { body: body.toString("base64") },
    labels: { team: "field" },
    response: { status: 201 },
    attempts: [{ http_status: 201 }],
  });
  expectFailure(report["bad_mask"], "INVALID_ARGUMENT", [
    errorInfo("INVALID_ARGUMENT"),
    badRequest("read_mask.paths[1]"),
  ]);
}

function expectBatchAndPages({ batch, pages }: Report): void {
  const names = Array.from({ length: 25 }, (_, index) => `jobs/later-${index}`);
  expect(batch.jobs).toEqual(
    names.map((name) => ({ name, uid: expect.any(String) as string, state: "JOB_STATE_SCHEDULED" })),
  );
  // Newest first, and before them the two that came first.
  expect(pages.map((page) => page.length)).toEqual([10, 10, 7]);
  const listed = pages.flat();
  expect(listed.slice(0, 25)).toEqual(
    names
      .map((name, index) => ({ name, schedule_time: scheduleTime, labels: { index: String(index) } }))
      .toReversed(),
  );
  expect(listed.at(-1)).toEqual({ name: "jobs/full", labels: { team: "field", kind: "post" } });
}

function expectCancelling(report: Report): void {
  const cancelled = { name: "jobs/later-0", state: "JOB_STATE_CANCELLED", schedule_time: scheduleTime };
  expect(report["cancelled"]).toMatchObject(cancelled);
  expect(report["cancelled_again"]).toEqual(report["cancelled"]);
  expectFailure(report["too_late"], "FAILED_PRECONDITION", [errorInfo("JOB_TERMINAL")]);
}

function expectErrors(report: Report): void {
  expectFailure(report["duplicate"], "ALREADY_EXISTS", [errorInfo("JOB_ID_TAKEN")]);
  expectFailure(report["not_found"], "NOT_FOUND", [errorInfo("JOB_NOT_FOUND")]);
  expectFailure(report["invalid"], "INVALID_ARGUMENT", [
    errorInfo("INVALID_ARGUMENT"),
    badRequest("job_id", "job.http.headers[0].name", "job.priority", "job.labels"),
  ]);
  expectFailure(report["batch_invalid"], "INVALID_ARGUMENT", [
    errorInfo("INVALID_ARGUMENT"),
    badRequest("requests[1].job.http"),
  ]);
  expectFailure(report["queue_full"], "RESOURCE_EXHAUSTED", [
    errorInfo("QUEUE_FULL"),
    { type: "RetryInfo", unpacked: true, retry_delay: "1s" },
  ]);
  for (const step of ["unimplemented", "unimplemented_stream"]) {
    expectFailure(report[step], "UNIMPLEMENTED", [errorInfo("NOT_OFFERED")]);
  }
  expect(report["deadline"]).toBe("DEADLINE_EXCEEDED");
}

function expectFailure(seen: unknown, code: string, details: readonly Message[]): void {
  const failure = seen as Failure;
  expect(failure).toEqual({ code, message: expect.stringMatching(/./) as string, details });
}

function errorInfo(reason: string): Message {
  return { type: "ErrorInfo", unpacked: true, reason, domain: "fieldpost.dev" };
}

function badRequest(...fields: readonly string[]): Message {
  const description = expect.stringMatching(/./) as string;
  return {
    type: "BadRequest",
    unpacked: true,
    field_violations: fields.map((field) => ({ field, description })),
  };
}

/** What both documented examples print for a target that answers 200. */
export const documentedOutput = [
  "JOB_STATE_SUCCEEDED 200",
  "job.http: is required: a job needs a target",
  "job.priority: is 10, must be from 0 to 9",
];
