import { PassThrough } from "node:stream";
import { status } from "@grpc/grpc-js";
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { describe, expect, test } from "vitest";
import { streamEnqueue } from "../../server/src/api/stream-enqueue.ts";
import { Intake } from "../../server/src/api/stream-intake.ts";
import type { StreamEnqueueRequest, StreamEnqueueResponse } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { BadRequest, ErrorInfo, RetryInfo } from "../../server/src/gen/google/rpc/error_details.ts";
import { RelayError } from "../../server/src/job/error.ts";
import type { Store } from "../../server/src/store/store.ts";
import { openEnqueueStream } from "../support/enqueue-stream.ts";
import { serve } from "./served.ts";
import { decodeError, jobWith, openRelay, received } from "./setting.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const requestId = (number: number): string =>
  `6f1ccf30-5f0e-4d6a-9a3b-${number.toString(16).padStart(12, "0")}`;

/** The details of one refusal, by their type. */
function refusalOf({ ackedSequence, error }: StreamEnqueueResponse) {
  const find = <T>(name: string, codec: { decode(bytes: Uint8Array): T }): T | undefined => {
    const found = error?.details.find(({ typeUrl }) => typeUrl.endsWith(`google.rpc.${name}`));
    return found === undefined ? undefined : codec.decode(found.value);
  };
  return {
    sequence: Number(ackedSequence),
    code: error?.code,
    reason: find("ErrorInfo", ErrorInfo)?.reason,
    fields: find("BadRequest", BadRequest)?.fieldViolations.map(({ field }) => field),
    retryDelay: find("RetryInfo", RetryInfo)?.retryDelay,
  };
}

/** A store whose inserts wait until they are let through. */
function heldInserts() {
  const gate = Promise.withResolvers<void>();
  const groups: number[] = [];
  const wrap = (store: Store): Partial<Store> => ({
    async insert(worker, jobs, now, options) {
      groups.push(jobs.length);
      await gate.promise;
      return store.insert(worker, jobs, now, options);
    },
  });
  return { open: gate.resolve, groups, wrap };
}

describe("StreamEnqueue", () => {
  test("acknowledges what is on disk, by its sequence, before the caller has ended", async () => {
    const { relay, client } = await serve();
    const stream = openEnqueueStream(client.channel);
    stream.send(3, { job: jobWith(), jobId: "a" });
    await stream.acknowledged(3);
    expect(await relay.store.depth()).toBe(1);
    stream.send(10, { job: jobWith(), jobId: "b" });
    await stream.acknowledged(10);
    expect(stream.answers).toEqual([
      { ackedSequence: 3n, error: undefined },
      { ackedSequence: 10n, error: undefined },
    ]);
    expect(await stream.end()).toMatchObject({ code: status.OK });
    expect((await client.getJob({ name: "jobs/b" })).uid).not.toBe("");
  });

  test("takes what comes meanwhile together, and acknowledges it at once", async () => {
    const groups: number[] = [];
    const { relay, client } = await serve({
      maxDepth: 5000,
      wrap: (store) => ({
        async insert(worker, jobs, now, options) {
          groups.push(jobs.length);
          for (let i = 0; i < 200; i++) await turn();
          return store.insert(worker, jobs, now, options);
        },
      }),
    });
    const stream = openEnqueueStream(client.channel);
    for (let sequence = 1; sequence <= 2000; sequence++) stream.send(sequence, { job: jobWith() });
    expect(await stream.end()).toMatchObject({ code: status.OK });
    expect(stream.answers.at(-1)).toEqual({ ackedSequence: 2000n, error: undefined });
    expect(stream.answers.length).toBeLessThan(50);
    expect(Math.max(...groups)).toBeLessThanOrEqual(500);
    expect(groups.reduce((sum, count) => sum + count)).toBe(2000);
    expect(await relay.store.depth()).toBe(2000);
  });

  test("refuses requests one by one, each with its sequence and all that is wrong, and goes on", async () => {
    const { relay, client } = await serve({ maxDepth: 3 });
    const stream = openEnqueueStream(client.channel);
    await client.enqueue({ job: jobWith(), jobId: "taken", requestId: requestId(1) });
    stream.send(1, { job: jobWith() });
    stream.send(2, { job: jobWith({ priority: 10, queue: "queues/other" }) });
    stream.send(3, undefined);
    stream.send(4, { job: jobWith(), jobId: "taken" });
    stream.send(5, { job: jobWith({ priority: 1 }), requestId: requestId(1) });
    stream.send(6, { job: jobWith(), jobId: "taken", requestId: requestId(1) });
    stream.send(7, { job: jobWith() });
    stream.send(8, { job: jobWith() });
    stream.send(9, { job: jobWith(), validateOnly: true });
    expect(await stream.end()).toMatchObject({ code: status.OK });
    const refusals = stream.answers.filter(({ error }) => error !== undefined).map(refusalOf);
    expect(refusals).toMatchObject([
      { sequence: 2, code: status.INVALID_ARGUMENT, fields: ["request.job.queue", "request.job.priority"] },
      { sequence: 3, code: status.INVALID_ARGUMENT, fields: ["request"] },
      { sequence: 4, code: status.ALREADY_EXISTS, reason: "JOB_ID_TAKEN" },
      { sequence: 5, code: status.ALREADY_EXISTS, reason: "REQUEST_ID_REUSED" },
      {
        sequence: 8,
        code: status.RESOURCE_EXHAUSTED,
        reason: "QUEUE_FULL",
        retryDelay: { seconds: 1n, nanos: 0 },
      },
    ]);
    expect(stream.answers.at(-1)).toEqual({ ackedSequence: 9n, error: undefined });
    expect(await relay.store.depth()).toBe(3);
  });

  test.each([
    [[0], 0, "is 0, must be from 1 on"],
    [[-1], 0, "is -1, must be from 1 on"],
    [[4, 5, 5, 6], 5, "is 5 after 5, must grow"],
    [[4, 5, 2], 5, "is 2 after 5, must grow"],
  ])(
    "of the sequences %j ends with an error, and acknowledges what came before",
    async (sequences, acknowledged, why) => {
      const { relay, client } = await serve();
      const stream = openEnqueueStream(client.channel);
      for (const sequence of sequences) stream.send(sequence, { job: jobWith() });
      const error = decodeError(await stream.ended);
      expect(error).toMatchObject({
        code: status.INVALID_ARGUMENT,
        violations: [{ field: "sequence", description: why }],
      });
      expect(Number(stream.answers.at(-1)?.ackedSequence ?? 0n)).toBe(acknowledged);
      expect(await relay.store.depth()).toBe(acknowledged === 0 ? 0 : 2);
    },
  );

  test("that is cut and begun again from what is not acknowledged stores each job once", async () => {
    const held = heldInserts();
    const { relay, client } = await serve({ maxDepth: 5000, wrap: held.wrap });
    const send = (stream: ReturnType<typeof openEnqueueStream>, from: number): void => {
      for (let sequence = from; sequence <= 1500; sequence++)
        stream.send(sequence, { job: jobWith(), requestId: requestId(sequence) });
    };
    const first = openEnqueueStream(client.channel);
    send(first, 1);
    held.open();
    await first.acknowledged(1);
    const acknowledged = Number(first.answers.at(-1)!.ackedSequence);
    first.call.cancel();
    expect(await first.ended).toMatchObject({ code: status.CANCELLED });
    const second = openEnqueueStream(client.channel);
    send(second, acknowledged + 1);
    expect(await second.end()).toMatchObject({ code: status.OK });
    expect(second.answers.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(second.answers.at(-1)).toEqual({ ackedSequence: 1500n, error: undefined });
    expect(await relay.store.depth()).toBe(1500);
  });

  test("is told to go on elsewhere when the worker drains, once what was read is acknowledged", async () => {
    const held = heldInserts();
    const { relay, client, setServing, log } = await serve({ wrap: held.wrap });
    const stream = openEnqueueStream(client.channel);
    stream.send(1, { job: jobWith() });
    await expect.poll(() => held.groups).toEqual([1]);
    setServing(false);
    held.open();
    const error = decodeError(await stream.ended);
    expect(error).toMatchObject({ code: status.UNAVAILABLE, reason: "DRAINING", retryDelayMs: 0 });
    expect(stream.answers).toEqual([{ ackedSequence: 1n, error: undefined }]);
    expect(await relay.store.depth()).toBe(1);
    const late = openEnqueueStream(client.channel);
    expect(decodeError(await late.ended)).toMatchObject({ code: status.UNAVAILABLE, reason: "DRAINING" });
    expect(log).toEqual([]);
  });

  test("waits when the disk does not keep up, and ends when the store takes no more", async () => {
    const errors = [
      new RelayError("RESOURCE_EXHAUSTED", "behind", { reason: "STORE_BEHIND", retryDelayMs: 1 }),
      new RelayError("RESOURCE_EXHAUSTED", "behind", { reason: "STORE_BEHIND", retryDelayMs: 1 }),
    ];
    const { client } = await serve({
      wrap: (store) => ({
        insert: (...args) => {
          const error = errors.shift();
          return error === undefined ? store.insert(...args) : Promise.reject(error);
        },
      }),
    });
    const stream = openEnqueueStream(client.channel);
    stream.send(1, { job: jobWith() });
    await stream.acknowledged(1);
    errors.push(new RelayError("UNAVAILABLE", "busy", { reason: "STORE_BUSY", retryDelayMs: 1000 }));
    stream.send(2, { job: jobWith() });
    expect(decodeError(await stream.ended)).toMatchObject({ code: status.UNAVAILABLE, reason: "STORE_BUSY" });
    expect(stream.answers).toEqual([{ ackedSequence: 1n, error: undefined }]);
  });

  test("of a caller that is gone leaves nothing behind, and the next one is served", async () => {
    const held = heldInserts();
    const { client, relay, log } = await serve({ wrap: held.wrap });
    const gone = openEnqueueStream(client.channel);
    gone.send(1, { job: jobWith() });
    gone.send(2, undefined);
    await expect.poll(() => held.groups.length).toBe(1);
    gone.call.cancel();
    await gone.ended;
    held.open();
    const next = openEnqueueStream(client.channel);
    next.send(1, { job: jobWith() });
    expect(await next.end()).toMatchObject({ code: status.OK });
    expect(await relay.store.depth()).toBe(2);
    expect(log).toEqual([]);
  });

  test("of bytes that are no message ends, with what came before acknowledged or not begun", async () => {
    const { client, relay } = await serve();
    const call = client.channel.makeBidiStreamRequest(
      "/fieldpost.v1.RelayService/StreamEnqueue",
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
    );
    const ended = new Promise<{ code: number }>((resolve) => call.on("status", resolve));
    call.on("error", () => {});
    call.on("data", () => {});
    call.write(Buffer.from([0xff, 0xff, 0xff]));
    expect((await ended).code).not.toBe(status.OK);
    expect(await relay.store.depth()).toBe(0);
    const next = openEnqueueStream(client.channel);
    next.send(1, { job: jobWith() });
    expect(await next.end()).toMatchObject({ code: status.OK });
  });

  test("keeps the caller's trace in its jobs, and writes no more to a caller that does not read", async () => {
    const parent = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };
    const relay = await openRelay();
    const incoming = new PassThrough({ objectMode: true });
    const gate = Promise.withResolvers<void>();
    const written: StreamEnqueueResponse[] = [];
    const done = streamEnqueue(
      relay,
      new Intake<StreamEnqueueRequest>(incoming),
      {
        write(response) {
          written.push(response);
          return gate.promise;
        },
      },
      { context: trace.setSpanContext(ROOT_CONTEXT, parent) },
    );
    incoming.write({ sequence: 1n, request: received({ job: jobWith(), jobId: "a" }) });
    await expect.poll(() => written.length).toBe(1);
    for (let sequence = 2n; sequence < 10n; sequence++) incoming.write({ sequence, request: undefined });
    incoming.end();
    for (let i = 0; i < 50; i++) await turn();
    expect(written).toHaveLength(1);
    gate.resolve();
    await done;
    expect(written).toHaveLength(9);
    const job = await relay.store.get("a", new Set(["spec"]));
    expect(job?.spec?.trace.traceparent).toBe(`00-${parent.traceId}-${parent.spanId}-01`);
  });
});
