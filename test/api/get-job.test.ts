import { status } from "@grpc/grpc-js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import {
  compileGetJobRequestReadMask,
  filterJob,
} from "../../server/src/gen/fieldpost/v1/relay_fieldmask.ts";
import type { JobPart } from "../../server/src/store/store.ts";
import { cancel, get, withFullJob } from "./full-job.ts";
import { call, errorOf, jobWith, openRelay, received, start } from "./setting.ts";

const runs = Number(process.env["FIELDPOST_PROPERTY_RUNS"] ?? 50);

/** Every path that a mask may hold, of the shapes that matter to what is read. */
const paths = [
  ...["name", "uid", "etag", "queue", "state", "schedule_time", "expire_time", "priority", "dedup_key"],
  ...["max_attempts", "retry_policy", "retry_policy.multiplier", "retry_policy.max_backoff.seconds"],
  ...["attempt_timeout", "ambiguity_policy", "source", "labels", "labels.team", "labels.absent", "retention"],
  ...["create_time", "update_time", "next_attempt_time", "finish_time", "attempt_count", "attempts"],
  ...["attempts.*.result", "attempts.number", "attempts.*.error.message", "response", "response.status"],
  ...["response.headers", "response.headers.*.name", "response.body", "response.truncated", "last_error"],
  ...["last_error.code", "blocked_by", "schedule", "trace_context", "http", "http.method", "http.url"],
  ...["http.headers", "http.headers.*.value", "http.body", "http.parameters"],
];

describe("GetJob", () => {
  test.each<[readonly string[], readonly JobPart[]]>([
    [["state"], []],
    [["name", "priority", "next_attempt_time", "attempt_count"], []],
    [["http.url"], ["spec"]],
    [["labels"], ["spec"]],
    [["max_attempts"], ["spec"]],
    [["trace_context"], ["spec"]],
    [["retry_policy.multiplier"], ["spec"]],
    [["http.body"], ["spec", "body"]],
    [["http"], ["spec", "body"]],
    [["attempts"], ["attempts"]],
    [["attempts.*.result"], ["attempts"]],
    [["response.status"], ["response"]],
    [["response.body"], ["response", "response-body"]],
    [["response"], ["response", "response-body"]],
    [["last_error.message"], ["last-error"]],
    [["*"], ["spec", "body", "attempts", "response", "response-body", "last-error"]],
  ])("asked for %s reads from the store exactly %s", async (mask, parts) => {
    const relay = await withFullJob();
    await get(relay, "jobs/full", [...mask]);
    expect(relay.readParts).toEqual([new Set(parts)]);
  });

  test.each(paths)("answers %s as the whole job has it, and nothing else", async (path) => {
    const relay = await withFullJob();
    const full = await get(relay, "jobs/full");
    expect(await get(relay, "jobs/full", [path])).toEqual(
      filterJob(full, compileGetJobRequestReadMask([path])),
    );
  });

  test("answers any mask as the whole job filtered by it", async () => {
    const relay = await withFullJob();
    const full = await get(relay, "jobs/full");
    await fc.assert(
      fc.asyncProperty(fc.subarray(paths, { minLength: 1 }), async (mask) => {
        expect(await get(relay, "jobs/full", mask)).toEqual(
          filterJob(full, compileGetJobRequestReadMask(mask)),
        );
      }),
      { numRuns: runs },
    );
  });

  test("answers the whole job without a mask, with an empty one and with *", async () => {
    const relay = await withFullJob();
    const full = await get(relay, "jobs/full");
    expect(full).toMatchObject({
      name: "jobs/full",
      state: JobState.JOB_STATE_RETRYING,
      attemptCount: 2,
      nextAttemptTime: new Date(start + 2500),
      target: { http: { method: "PUT" } },
      response: { status: 503, truncated: true, headers: [{ name: "server", value: "t" }] },
      lastError: { message: "the target answered 503" },
    });
    expect(full.attempts.map(({ number, httpStatus, worker }) => [number, httpStatus, worker])).toEqual([
      [1, 503, "worker-1"],
      [2, 503, "worker-1"],
    ]);
    expect(full.target?.http.body.toString()).toBe("the body");
    expect(full.response?.body.toString()).toBe("busy 2");
    expect(await get(relay, "jobs/full", [])).toEqual(full);
    expect(await get(relay, "jobs/full", ["*"])).toEqual(full);
  });

  test.each<[string, readonly string[], readonly number[]]>([
    ["an unknown field", ["nope"], [0]],
    ["an unknown field among good ones", ["state", "http.nope", "uid"], [1]],
    ["a name in camel case", ["createTime"], [0]],
    ["two names in camel case", ["maxAttempts", "state", "http.headers.*.Name"], [0, 2]],
    ["the empty path", [""], [0]],
    ["* beside others", ["*", "state"], [0]],
    ["a * in place of a field", ["http.*"], [0]],
    ["a field below a scalar", ["state.x"], [0]],
    ["an index into a list", ["attempts.0.result"], [0]],
    ["a prototype's name", ["__proto__"], [0]],
    ["constructor", ["constructor"], [0]],
    ["a path of 100,000 segments", [`http${".a".repeat(100_000)}`], [0]],
    ["100,000 dots", [".".repeat(100_000)], [0]],
  ])("refuses a mask with %s and names the path", async (_, mask, bad) => {
    const relay = await withFullJob();
    const error = await errorOf(get(relay, "jobs/full", [...mask]));
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, reason: "INVALID_ARGUMENT" });
    expect(error.fields).toEqual(bad.map((index) => `read_mask.paths[${index}]`));
    expect(error.metadataBytes).toBeLessThan(8 * 1024);
    expect(relay.readParts).toEqual([]);
  });

  test("refuses 100,000 bad paths at once with an answer that every client can take", async () => {
    const relay = await openRelay();
    const mask = Array.from({ length: 100_000 }, (_, index) => `nope_${index}`);
    const error = await errorOf(get(relay, "jobs/full", mask));
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.fields[0]).toBe("read_mask.paths[0]");
    expect(error.metadataBytes).toBeLessThan(8 * 1024);
  });

  test("suggests the field that was meant", async () => {
    const relay = await withFullJob();
    const error = await errorOf(get(relay, "jobs/full", ["createTime"]));
    expect(error.message).toContain("Did you mean create_time?");
  });

  test.each([
    "",
    "full",
    "jobs/",
    "jobs/a/b",
    "jobs/-a",
    "jobs/a b",
    "queues/full",
    "/jobs/full",
    `jobs/${"a".repeat(129)}`,
    "jobs/a\n",
    "jobs/*",
  ])("refuses the name %j", async (name) => {
    const relay = await withFullJob();
    const error = await errorOf(get(relay, name));
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ["name"] });
    expect((await errorOf(cancel(relay, name))).fields).toEqual(["name"]);
  });

  test("names a bad name and a bad mask at once", async () => {
    const relay = await withFullJob();
    expect((await errorOf(get(relay, "nope", ["nope"]))).fields).toEqual(["name", "read_mask.paths[0]"]);
  });

  test("says NOT_FOUND of a job that is not there", async () => {
    const relay = await withFullJob();
    const error = await errorOf(get(relay, "jobs/absent", ["state"]));
    expect(error).toMatchObject({ code: status.NOT_FOUND, reason: "JOB_NOT_FOUND" });
    expect(error.message).toContain("jobs/absent");
  });

  test("changes the etag with each change, and only then", async () => {
    const relay = await openRelay();
    const first = await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    await enqueue(relay, received({ job: jobWith(), jobId: "other" }), call);
    const etags = [first.etag];
    const look = async (): Promise<string> => (await get(relay, "jobs/a", ["etag"])).etag;
    expect(await look()).toBe(first.etag);
    const { jobs } = await relay.store.claim(relay.worker, 2, start);
    etags.push(await look());
    const { key, attempt: number } = jobs.find(({ id }) => id === "a")!;
    const attempt = {
      number,
      result: "failed",
      startTime: start,
      endTime: start,
      httpStatus: 500,
      error: undefined,
      worker: "w",
    } as const;
    await relay.store.finish(relay.worker, [
      { key, attempt, response: undefined, next: { state: "RETRYING", nextAttemptTime: start + 10 } },
    ]);
    etags.push(await look());
    etags.push((await cancel(relay, "jobs/a")).etag);
    expect(await look()).toBe(etags.at(-1));
    expect(new Set(etags).size).toBe(4);
    for (const etag of etags) expect(etag).toMatch(/^".+"$/);
  });
});
