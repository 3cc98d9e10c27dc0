/** What is refused and what is taken: which fields are named, and that nothing is stored. */
import { status } from "@grpc/grpc-js";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "vitest";
import { batchEnqueue } from "../../server/src/api/batch-enqueue.ts";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { AmbiguityPolicy } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { Jitter } from "../../server/src/gen/fieldpost/v1/job.ts";
import { BatchEnqueueRequest, EnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import type { DeepPartial } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { badInputs, bytes, headers, labels, manyHeaders, policy, seconds } from "./bad-inputs.ts";
import { call, errorOf, jobWith, maxBodyBytes, openRelay, received, start } from "./setting.ts";
import type { JobInput } from "./setting.ts";

/** gRPC's C core, which Python, Ruby, PHP and C++ use, takes so much and no more. */
const maxMetadataBytes = 8 * 1024;

describe("Enqueue refuses", () => {
  test.each(badInputs)("$what, names the field and stores nothing", async ({ request, fields }) => {
    const relay = await openRelay();
    relay.handOver.room = 1;
    const error = await errorOf(enqueue(relay, received(request), call));
    expect(error).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "INVALID_ARGUMENT",
      domain: "fieldpost.dev",
    });
    expect(error.fields.toSorted()).toEqual(fields.toSorted());
    expect(error.violations.every(({ description }) => description !== "")).toBe(true);
    expect(error.message).toContain(fields[0]);
    expect(await relay.store.depth()).toBe(0);
    expect(relay.handOver).toMatchObject({ open: 0, handedOver: [], announced: [] });
  });

  test("a time whose seconds no clock can hold", async () => {
    // A Date cannot say it, so the bytes are written by hand: EnqueueRequest{job: {schedule_time: {seconds: 2^62}}}.
    const time = new BinaryWriter().uint32(8).int64(2n ** 62n);
    const job = new BinaryWriter().uint32(82).bytes(time.finish());
    const whole = EnqueueRequest.encode(EnqueueRequest.create({ job: jobWith() })).finish();
    const request = EnqueueRequest.decode(
      Buffer.concat([whole, new BinaryWriter().uint32(10).bytes(job.finish()).finish()]),
    );
    const relay = await openRelay();
    const error = await errorOf(enqueue(relay, request, call));
    expect(error.fields).toContain("job.schedule_time");
    expect(await relay.store.depth()).toBe(0);
  });

  test("all that is wrong at once, and says how much more there is", async () => {
    const relay = await openRelay();
    const request = received({
      jobId: "no good",
      requestId: "r",
      job: jobWith(
        {
          queue: "queues/other",
          priority: 10,
          maxAttempts: -1,
          dedupKey: "d".repeat(256),
          attemptTimeout: seconds(0),
          expireTime: new Date(start),
          retryPolicy: { multiplier: 0.5, jitter: 9 as Jitter },
          labels: new Map([["A", "v"]]),
        },
        {
          method: "get",
          url: "ftp://target.test",
          ...headers(["host", "a\n"]),
          body: bytes(maxBodyBytes + 1),
        },
      ),
    });
    const error = await errorOf(enqueue(relay, request, call));
    expect(error.fields.toSorted()).toEqual(
      [
        ...["job_id", "request_id", "job.queue", "job.priority", "job.max_attempts", "job.dedup_key"],
        ...[
          "job.attempt_timeout",
          "job.expire_time",
          "job.retry_policy.multiplier",
          "job.retry_policy.jitter",
        ],
        ...["job.labels", "job.http.method", "job.http.url", "job.http.headers[0].name"],
        ...["job.http.headers[0].value", "job.http.body"],
      ].toSorted(),
    );
    expect(error.message).toContain("(and 15 more)");
  });

  test("a bad header without repeating its value", async () => {
    const relay = await openRelay();
    const secret = "Bearer s3cr3t";
    for (const bad of [
      headers(["authorization", `${secret}\n`]),
      headers(["", secret]),
      manyHeaders(101, secret),
    ]) {
      const error = await errorOf(enqueue(relay, received({ job: jobWith({}, bad) }), call));
      expect(JSON.stringify(error)).not.toContain("s3cr3t");
    }
  });

  test("a bad URL without repeating a password that stands in it", async () => {
    const relay = await openRelay();
    for (const url of [
      "ftp://u:s3cr3t@t/",
      "//u:s3cr3t@t/",
      "http://u:s3cr3t@t:99999/",
      "http://u:s3cr3t@t/",
    ]) {
      const error = await errorOf(enqueue(relay, received({ job: jobWith({}, { url }) }), call));
      expect(new Set(error.fields)).toEqual(new Set(["job.http.url"]));
      expect(JSON.stringify(error)).not.toContain("s3cr3t");
    }
  });

  test("ten thousand bad fields with an answer that every client can take", async () => {
    const relay = await openRelay();
    const labels = new Map(Array.from({ length: 10_000 }, (_, index) => [`BAD ${index}`, "v"]));
    const error = await errorOf(enqueue(relay, received({ job: jobWith({ labels, priority: 10 }) }), call));
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.metadataBytes).toBeLessThan(maxMetadataBytes);
    expect(error.fields).toEqual(["job.priority", "job.labels"]);
  });
});

describe("Enqueue takes", () => {
  const fine: readonly { readonly what: string; readonly job: JobInput; readonly jobId?: string }[] = [
    { what: "a body of exactly the limit", job: jobWith({}, { body: bytes(maxBodyBytes) }) },
    { what: "100 headers", job: jobWith({}, manyHeaders(100)) },
    { what: "letters of Latin-1 and tabs in a header's value", job: jobWith({}, headers(["a", "é\tü"])) },
    { what: "an empty header value", job: jobWith({}, headers(["a", ""])) },
    { what: "a name several times", job: jobWith({}, headers(["a", "1"], ["a", "2"])) },
    {
      what: "an https URL with a port, a query and a fragment",
      job: jobWith({}, { url: "https://t.test:8443/a?b=c#d" }),
    },
    { what: "an IPv6 host", job: jobWith({}, { url: "http://[::1]:8080/" }) },
    { what: "a host of letters beyond ASCII", job: jobWith({}, { url: "http://bücher.test/" }) },
    { what: "priority 0 and 9", job: jobWith({ priority: 9 }) },
    { what: "1,000 attempts", job: jobWith({ maxAttempts: 1000 }) },
    { what: "an attempt_timeout of 1 ms", job: jobWith({ attemptTimeout: seconds(0, 1_000_000) }) },
    { what: "an attempt_timeout of 30 minutes", job: jobWith({ attemptTimeout: seconds(1800) }) },
    { what: "a multiplier of 1 and one of 100", job: jobWith(policy({ multiplier: 100 })) },
    { what: "64 labels", job: jobWith({ labels: labels(64) }) },
    {
      what: "a label key of 63 characters and a value of 255 bytes",
      job: jobWith({ labels: new Map([["k".repeat(63), "v".repeat(255)]]) }),
    },
    { what: "the default queue by name", job: jobWith({ queue: "queues/default" }) },
    {
      what: "the ambiguity policy RETRY",
      job: jobWith({ ambiguityPolicy: AmbiguityPolicy.AMBIGUITY_POLICY_RETRY }),
    },
    { what: "an id of 128 characters", job: jobWith(), jobId: "a".repeat(128) },
    { what: "a schedule_time in the past", job: jobWith({ scheduleTime: new Date(0) }) },
    { what: "the last time there is", job: jobWith({ scheduleTime: new Date(253_402_300_799_999) }) },
    {
      what: "output-only fields, which it ignores",
      job: jobWith({ name: "jobs/mine", uid: "u", state: 5, attemptCount: 7 }),
    },
  ];

  test.each(fine)("$what", async ({ job, jobId }) => {
    const relay = await openRelay();
    const answer = await enqueue(relay, received({ job, jobId: jobId ?? "" }), call);
    expect(await relay.store.depth()).toBe(1);
    expect(answer.attemptCount).toBe(0);
  });
});

describe("BatchEnqueue refuses", () => {
  const batch = (requests: readonly DeepPartial<EnqueueRequest>[]): BatchEnqueueRequest =>
    BatchEnqueueRequest.decode(
      BatchEnqueueRequest.encode(BatchEnqueueRequest.create({ requests: [...requests] })).finish(),
    );
  const fine = { job: jobWith() };

  test.each(badInputs.filter((_, index) => index % 5 === 0))(
    "$what in the fourth request, names it there and stores none",
    async ({ request, fields }) => {
      const relay = await openRelay();
      const error = await errorOf(batchEnqueue(relay, batch([fine, fine, fine, request, fine]), call));
      expect(error.code).toBe(status.INVALID_ARGUMENT);
      expect(error.fields.toSorted()).toEqual(fields.map((field) => `requests[3].${field}`).toSorted());
      expect(await relay.store.depth()).toBe(0);
    },
  );

  test("bad fields of several requests together", async () => {
    const relay = await openRelay();
    const error = await errorOf(
      batchEnqueue(relay, batch([{}, fine, { job: jobWith({ priority: 10 }) }]), call),
    );
    expect(error.fields).toEqual(["requests[0].job", "requests[2].job.priority"]);
  });

  test("a batch without requests", async () => {
    const relay = await openRelay();
    const error = await errorOf(batchEnqueue(relay, batch([]), call));
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ["requests"] });
  });

  test("10,001 requests", async () => {
    const relay = await openRelay({ maxDepth: 100_000 });
    const error = await errorOf(batchEnqueue(relay, batch(Array.from({ length: 10_001 }, () => fine)), call));
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ["requests"] });
    expect(await relay.store.depth()).toBe(0);
  });

  test("an id that stands in it twice", async () => {
    const relay = await openRelay();
    const twice = { ...fine, jobId: "twice" };
    const error = await errorOf(batchEnqueue(relay, batch([twice, fine, twice]), call));
    expect(error.fields).toEqual(["requests[2].job_id"]);
    expect(await relay.store.depth()).toBe(0);
  });

  test("validate_only that is not said in all of them", async () => {
    const relay = await openRelay();
    const error = await errorOf(batchEnqueue(relay, batch([fine, { ...fine, validateOnly: true }]), call));
    expect(error.fields).toEqual(["requests[1].validate_only"]);
    expect(await relay.store.depth()).toBe(0);
  });

  test("requests whose every header is bad with an answer that every client can take", async () => {
    const relay = await openRelay();
    const bad = {
      headers: Array.from({ length: 100 }, () => ({ name: "\n\u0001".repeat(50), value: "\n" })),
    };
    const error = await errorOf(
      batchEnqueue(relay, batch(Array.from({ length: 100 }, () => ({ job: jobWith({}, bad) }))), call),
    );
    expect(error.fields.slice(0, 2)).toEqual(
      ["name", "value"].map((part) => `requests[0].job.http.headers[0].${part}`),
    );
    expect(error.metadataBytes).toBeLessThan(maxMetadataBytes);
  });

  test("ten thousand bad requests with an answer that every client can take", async () => {
    const relay = await openRelay();
    const error = await errorOf(batchEnqueue(relay, batch(Array.from({ length: 10_000 }, () => ({}))), call));
    expect(error.fields.slice(0, 2)).toEqual(["requests[0].job", "requests[1].job"]);
    expect(error.metadataBytes).toBeLessThan(maxMetadataBytes);
  });
});
