import { describe, expect, it } from "vitest";
import { bytesOfMessage, jsonOfBytes, messageOfJson } from "../../server/src/cli/json.ts";
import { AttemptResult, Job, JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { EnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { ErrorInfo } from "../../server/src/gen/google/rpc/error_details.ts";

function bytesOf(value: unknown): Uint8Array {
  const name = "fieldpost.v1.EnqueueRequest";
  return bytesOfMessage(name, messageOfJson(name, JSON.stringify(value)));
}

describe("ProtoJSON", () => {
  it("is canonical: camelCase, enum names, RFC 3339, durations, base64, 64 bit numbers as text", () => {
    const job = Job.create({
      name: "jobs/a",
      state: JobState.JOB_STATE_RETRYING,
      target: { $case: "http", http: { method: "POST", url: "http://x/", body: Buffer.from([0xfb, 0xff]) } },
      maxAttempts: 3,
      attemptTimeout: { seconds: 3n, nanos: 500_000_000 },
      createTime: new Date("2026-11-22T10:00:00.250Z"),
      labels: new Map([["snake_key", "v"]]),
      attempts: [{ number: 1, result: AttemptResult.ATTEMPT_RESULT_OUTCOME_UNKNOWN, httpStatus: 503 }],
      lastError: {
        code: 14,
        details: [
          {
            typeUrl: "type.googleapis.com/google.rpc.ErrorInfo",
            value: Buffer.from(ErrorInfo.encode(ErrorInfo.create({ reason: "CONN_RESET" })).finish()),
          },
        ],
      },
    });
    expect(jsonOfBytes("fieldpost.v1.Job", Job.encode(job).finish())).toEqual({
      name: "jobs/a",
      state: "JOB_STATE_RETRYING",
      http: { method: "POST", url: "http://x/", body: "+/8=" },
      maxAttempts: 3,
      attemptTimeout: "3.500s",
      createTime: "2026-11-22T10:00:00.250Z",
      labels: { snake_key: "v" },
      attempts: [{ number: 1, result: "ATTEMPT_RESULT_OUTCOME_UNKNOWN", httpStatus: 503 }],
      lastError: {
        code: 14,
        details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "CONN_RESET" }],
      },
    });
  });

  it("becomes the bytes that ts-proto reads", () => {
    const request = EnqueueRequest.decode(
      bytesOf({
        job: {
          http: { url: "http://x/", headers: [{ name: "a", value: "b" }], body: "aGk=" },
          attemptTimeout: "3.5s",
          scheduleTime: "2027-01-01T00:00:00Z",
          ambiguityPolicy: "AMBIGUITY_POLICY_HOLD",
        },
        jobId: "x",
      }),
    );
    expect(request).toMatchObject({
      jobId: "x",
      job: {
        target: { http: { url: "http://x/", headers: [{ name: "a", value: "b" }] } },
        attemptTimeout: { seconds: 3n, nanos: 500_000_000 },
        scheduleTime: new Date("2027-01-01T00:00:00Z"),
        ambiguityPolicy: 3,
      },
    });
  });

  it("accepts proto names on the way in, as the specification says", () => {
    expect(EnqueueRequest.decode(bytesOf({ job_id: "x", validate_only: true }))).toMatchObject({
      jobId: "x",
      validateOnly: true,
    });
  });

  it.each([
    [{ bogus: 1 }, 'EnqueueRequest: key "bogus" is unknown'],
    [{ job: { http: { urll: "x" } } }, 'HttpTarget: key "urll" is unknown'],
    [{ job: { http: { body: "%" } } }, "HttpTarget.body: invalid base64 string"],
    [{ job: { attemptTimeout: "3" } }, 'Duration: "3"'],
    [{ job: { scheduleTime: "soon" } }, "Timestamp: invalid RFC 3339 string"],
    [{ job: { maxAttempts: "a" } }, 'Job.max_attempts: expected number (int32), got "a"'],
    [{ job: { ambiguityPolicy: "FOO" } }, 'AmbiguityPolicy: "FOO"'],
    [[], "EnqueueRequest: Array(0)"],
  ])("refuses %j and says what it is about", (value, message) => {
    expect(() => bytesOf(value)).toThrow(message);
  });

  it("refuses text that is no JSON", () => {
    expect(() => messageOfJson("fieldpost.v1.EnqueueRequest", "{")).toThrow(/^not JSON: /);
  });
});
