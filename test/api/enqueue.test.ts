import { status } from "@grpc/grpc-js";
import { trace } from "@opentelemetry/api";
import { describe, expect, test } from "vitest";
import { batchEnqueue } from "../../server/src/api/batch-enqueue.ts";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { getJob } from "../../server/src/api/get-job.ts";
import { Jitter, JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { BatchEnqueueRequest, GetJobRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import type { DeepPartial, EnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { RelayError } from "../../server/src/job/error.ts";
import { call, errorOf, jobWith, openRelay, received, start } from "./setting.ts";

const read = (name: string) => GetJobRequest.create({ name });
const batch = (requests: readonly DeepPartial<EnqueueRequest>[]) =>
  BatchEnqueueRequest.decode(
    BatchEnqueueRequest.encode(BatchEnqueueRequest.create({ requests: [...requests] })).finish(),
  );

describe("Enqueue", () => {
  test("answers what GetJob answers, but for body and parameters", async () => {
    const relay = await openRelay();
    const request = received({
      jobId: "mine",
      job: jobWith(
        {
          priority: 3,
          scheduleTime: new Date(start + 5000),
          expireTime: new Date(start + 9000),
          maxAttempts: 4,
          attemptTimeout: { seconds: 2n, nanos: 0 },
          retryPolicy: {
            initialBackoff: { seconds: 2n, nanos: 0 },
            multiplier: 3,
            jitter: Jitter.JITTER_EQUAL,
          },
          labels: new Map([["team", "post"]]),
        },
        { method: "PUT", headers: [{ name: "A", value: "b" }], body: Buffer.from("body") },
      ),
    });
    const answer = await enqueue(relay, request, call);
    const full = await getJob(relay, read("jobs/mine"));
    expect(full.target?.http.body.toString()).toBe("body");
    full.target!.http.body = Buffer.alloc(0);
    expect(answer).toEqual(full);
    expect(answer).toMatchObject({
      name: "jobs/mine",
      queue: "queues/default",
      state: JobState.JOB_STATE_SCHEDULED,
      priority: 3,
      maxAttempts: 4,
      attemptTimeout: { seconds: 2n, nanos: 0 },
      retryPolicy: { multiplier: 3, jitter: Jitter.JITTER_EQUAL, maxBackoff: { seconds: 3600n, nanos: 0 } },
      scheduleTime: new Date(start + 5000),
      nextAttemptTime: new Date(start + 5000),
      createTime: new Date(start),
    });
  });

  test.each([
    ["nothing is said", {}],
    ["the schedule_time has passed", { scheduleTime: new Date(start - 60_000) }],
    ["the schedule_time is now", { scheduleTime: new Date(start) }],
  ])("makes a job due at once when %s", async (_, job) => {
    const relay = await openRelay();
    const answer = await enqueue(relay, received({ job: jobWith(job) }), call);
    expect(answer).toMatchObject({ state: JobState.JOB_STATE_QUEUED, nextAttemptTime: new Date(start) });
    expect(await getJob(relay, read(answer.name))).toEqual(answer);
  });

  test("gives a job without an id its uid for an id, which is a UUID of version 7 and of the clock's time", async () => {
    const relay = await openRelay();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => enqueue(relay, received({ job: jobWith() }), call)),
    );
    for (const { name, uid } of answers) {
      expect(name).toBe(`jobs/${uid}`);
      expect(uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(Number.parseInt(uid.replaceAll("-", "").slice(0, 12), 16)).toBe(start);
    }
    expect(new Set(answers.map(({ uid }) => uid)).size).toBe(50);
  });

  test.each([
    [{ body: Buffer.from("x") }, "POST"],
    [{ parameters: new Map([["a", "b"]]) }, "POST"],
    [{}, "GET"],
  ])("chooses the method by what is to be sent (%#)", async (http, method) => {
    const relay = await openRelay();
    expect((await enqueue(relay, received({ job: jobWith({}, http) }), call)).target?.http.method).toBe(
      method,
    );
  });

  test("sends no fragment, and writes the URL as the URL standard does", async () => {
    const relay = await openRelay();
    const url = "HTTP://Bücher.test:80/a b?q=é#top";
    const answer = await enqueue(relay, received({ job: jobWith({}, { url }) }), call);
    expect(answer.target?.http.url).toBe("http://xn--bcher-kva.test/a%20b?q=%C3%A9");
  });

  test("hands a job over that the insert claimed, with attempt 1 and its body, and says so", async () => {
    const relay = await openRelay();
    relay.handOver.room = 1;
    const answer = await enqueue(relay, received({ job: jobWith({}, { body: Buffer.from("x") }) }), call);
    expect(answer).toMatchObject({ state: JobState.JOB_STATE_DISPATCHING, attemptCount: 1 });
    expect(answer.nextAttemptTime).toBeUndefined();
    const [job, ...more] = relay.handOver.handedOver;
    expect(more).toEqual([]);
    expect(job).toMatchObject({ attempt: 1, uid: answer.uid, maxAttempts: 10 });
    expect(Buffer.from(job!.request.body).toString()).toBe("x");
    expect(relay.handOver).toMatchObject({ open: 0, announced: [] });
  });

  test("announces a job for which there is no room, or which is due later", async () => {
    const relay = await openRelay();
    await enqueue(relay, received({ job: jobWith() }), call);
    relay.handOver.room = 1;
    await enqueue(relay, received({ job: jobWith({ scheduleTime: new Date(start + 1000) }) }), call);
    expect(relay.handOver).toMatchObject({ open: 0, handedOver: [], announced: [start, start + 1000] });
  });

  test("stores nothing when only asked to validate, but answers as if", async () => {
    const relay = await openRelay();
    const answer = await enqueue(
      relay,
      received({ job: jobWith(), jobId: "later", validateOnly: true }),
      call,
    );
    expect(answer).toMatchObject({ name: "jobs/later", state: JobState.JOB_STATE_QUEUED });
    expect(await relay.store.depth()).toBe(0);
    expect((await errorOf(getJob(relay, read("jobs/later")))).code).toBe(status.NOT_FOUND);
  });

  test("refuses an id that is taken and leaves the first job as it was", async () => {
    const relay = await openRelay();
    relay.handOver.room = 1;
    const first = await enqueue(relay, received({ job: jobWith(), jobId: "one" }), call);
    const error = await errorOf(
      enqueue(relay, received({ job: jobWith({ priority: 9 }), jobId: "one" }), call),
    );
    expect(error).toMatchObject({ code: status.ALREADY_EXISTS, reason: "JOB_ID_TAKEN" });
    expect(error.message).toContain("jobs/one");
    expect(await getJob(relay, read("jobs/one"))).toEqual(first);
    expect(relay.handOver.open).toBe(0);
    expect(relay.handOver.handedOver).toHaveLength(1);
  });

  test("lets one of a hundred calls win that bring the same id at the same time", async () => {
    const relay = await openRelay();
    relay.handOver.room = 100;
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, () => enqueue(relay, received({ job: jobWith(), jobId: "one" }), call)),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await relay.store.depth()).toBe(1);
    expect(relay.handOver.handedOver).toHaveLength(1);
    expect(relay.handOver.open).toBe(0);
  });

  test("says that the queue is full and when to come back, and stores nothing", async () => {
    const relay = await openRelay({ maxDepth: 2 });
    await enqueue(relay, received({ job: jobWith() }), call);
    await enqueue(relay, received({ job: jobWith() }), call);
    relay.handOver.room = 1;
    const error = await errorOf(enqueue(relay, received({ job: jobWith(), jobId: "third" }), call));
    expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED, reason: "QUEUE_FULL" });
    expect(error.retryDelayMs).toBeGreaterThan(0);
    expect(await relay.store.depth()).toBe(2);
    expect(relay.handOver).toMatchObject({ open: 0, handedOver: [] });
  });

  test("gives its places back when the store fails, and tells the caller no more than that", async () => {
    const failed = new RelayError("UNAVAILABLE", "the store failed", {
      reason: "STORE_FAILED",
      cause: "secret",
    });
    const relay = await openRelay({ wrap: () => ({ insert: () => Promise.reject(failed) }) });
    relay.handOver.room = 3;
    const error = await errorOf(enqueue(relay, received({ job: jobWith() }), call));
    expect(error).toMatchObject({ code: status.UNAVAILABLE, reason: "STORE_FAILED" });
    expect(JSON.stringify(error)).not.toContain("secret");
    expect(relay.handOver.open).toBe(0);
  });

  test("answers an error that it does not know with INTERNAL and not a word of it", async () => {
    const defect = new TypeError("cannot read /etc/secret");
    const relay = await openRelay({ wrap: () => ({ insert: () => Promise.reject(defect) }) });
    relay.handOver.room = 3;
    const error = await errorOf(enqueue(relay, received({ job: jobWith() }), call));
    expect(error).toMatchObject({ code: status.INTERNAL, message: "internal error", reason: "INTERNAL" });
    expect(relay.handOver.open).toBe(0);
  });

  test("keeps the caller's trace with the job", async () => {
    const relay = await openRelay();
    const spanContext = {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: 1,
    };
    const context = trace.setSpanContext(call.context, spanContext);
    const answer = await enqueue(relay, received({ job: jobWith() }), { context });
    expect(answer.traceContext?.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
  });
});

describe("BatchEnqueue", () => {
  test("stores all and answers name, uid and state in the order of the requests", async () => {
    const relay = await openRelay({ seed: 7 });
    relay.handOver.room = 2;
    const ids = Array.from({ length: 20 }, (_, index) => `job-${index}`);
    const { jobs } = await batchEnqueue(
      relay,
      batch(ids.map((jobId) => ({ jobId, job: jobWith({}, { body: Buffer.from(jobId) }) }))),
      call,
    );
    expect([...jobs].map(({ name }) => name)).toEqual(ids.map((id) => `jobs/${id}`));
    expect(await relay.store.depth()).toBe(20);
    const claimed = relay.handOver.handedOver;
    expect(claimed).toHaveLength(2);
    for (const job of claimed) expect(Buffer.from(job.request.body).toString()).toBe(job.id);
    for (const [index, answer] of [...jobs].entries()) {
      const full = await getJob(relay, read(answer.name));
      expect(answer).toMatchObject({ uid: full.uid, state: full.state });
      expect(full.target?.http.body.toString()).toBe(ids[index]);
      const isClaimed = claimed.some(({ id }) => id === ids[index]);
      expect(answer.state).toBe(isClaimed ? JobState.JOB_STATE_DISPATCHING : JobState.JOB_STATE_QUEUED);
    }
    expect(relay.handOver.open).toBe(0);
    expect(relay.handOver.announced).toHaveLength(18);
  });

  test("keeps no places free for a batch that comes in pieces, which claims nothing", async () => {
    const relay = await openRelay({ maxDepth: 1000 });
    relay.handOver.room = 300;
    const wanted: number[] = [];
    const { handOver } = relay;
    const { reserve } = handOver;
    handOver.reserve = (count) => {
      wanted.push(count);
      return reserve.call(handOver, count);
    };
    await batchEnqueue(relay, batch(Array.from({ length: 201 }, () => ({ job: jobWith() }))), call);
    expect(wanted).toEqual([]);
    expect(handOver).toMatchObject({ open: 0, handedOver: [] });
    expect(handOver.announced).toHaveLength(201);
    await batchEnqueue(relay, batch(Array.from({ length: 200 }, () => ({ job: jobWith() }))), call);
    expect(wanted).toEqual([200]);
  });

  test("stores none if one id exists already", async () => {
    const relay = await openRelay();
    await enqueue(relay, received({ job: jobWith(), jobId: "old" }), call);
    relay.handOver.room = 10;
    const requests = ["new-1", "old", "new-2"].map((jobId) => ({ jobId, job: jobWith() }));
    const error = await errorOf(batchEnqueue(relay, batch(requests), call));
    expect(error).toMatchObject({ code: status.ALREADY_EXISTS, reason: "JOB_ID_TAKEN" });
    expect(error.message).toContain("jobs/old");
    expect(await relay.store.depth()).toBe(1);
    expect(relay.handOver).toMatchObject({ open: 0, handedOver: [] });
  });

  test("stores none if not all fit into the queue", async () => {
    const relay = await openRelay({ maxDepth: 3 });
    await enqueue(relay, received({ job: jobWith() }), call);
    const three = Array.from({ length: 3 }, () => ({ job: jobWith() }));
    const error = await errorOf(batchEnqueue(relay, batch(three), call));
    expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED, reason: "QUEUE_FULL" });
    expect(error.retryDelayMs).toBeGreaterThan(0);
    expect(await relay.store.depth()).toBe(1);
    await batchEnqueue(relay, batch(three.slice(1)), call);
    expect(await relay.store.depth()).toBe(3);
  });

  test("takes 10,000 and stores none of them when all only ask to validate", async () => {
    const relay = await openRelay({ maxDepth: 10_000 });
    const request = { job: jobWith(), validateOnly: true };
    const { jobs } = await batchEnqueue(relay, batch(Array.from({ length: 10_000 }, () => request)), call);
    expect(jobs).toHaveLength(10_000);
    expect(new Set([...jobs].map(({ uid }) => uid)).size).toBe(10_000);
    expect(await relay.store.depth()).toBe(0);
  });
});
