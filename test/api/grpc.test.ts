/** The service as a client on a connection meets it. */
import { Metadata, status } from "@grpc/grpc-js";
import type { ServiceError, Client } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import type { MethodName } from "../../server/src/api/methods.ts";
import { RelayServiceService } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { serve } from "./served.ts";
import { decodeError, jobWith } from "./setting.ts";

const methodNames = Object.keys(RelayServiceService) as MethodName[];
const built: readonly MethodName[] = [
  "enqueue",
  "batchEnqueue",
  "streamEnqueue",
  "getJob",
  "listJobs",
  "cancelJob",
  "retryJob",
  "deleteJob",
  "bulkCancelJobs",
  "bulkRetryJobs",
  "purgeJobs",
];

/** Calls any method with an empty request. */
function callEmpty(client: Client, name: MethodName): Promise<ServiceError> {
  const { path, requestStream } = RelayServiceService[name];
  const nothing = (): Buffer => Buffer.alloc(0);
  const bytes = (buffer: Buffer): Buffer => buffer;
  return new Promise((resolve, reject) => {
    if (requestStream) {
      const call = client.makeBidiStreamRequest(path, nothing, bytes, new Metadata(), {});
      call.on("error", resolve);
      call.on("data", () => reject(new Error("an answer")));
      call.write(undefined);
    } else {
      const call = client.makeServerStreamRequest(path, nothing, bytes, undefined, new Metadata(), {});
      call.on("error", resolve);
      call.on("data", () => reject(new Error("an answer")));
    }
  });
}

describe("over gRPC", () => {
  test.each(methodNames.filter((name) => !built.includes(name)))(
    "%s says UNIMPLEMENTED and its own name",
    async (name) => {
      const { client } = await serve();
      const error = decodeError(await callEmpty(client.channel, name));
      expect(error).toMatchObject({
        code: status.UNIMPLEMENTED,
        reason: "NOT_OFFERED",
        domain: "fieldpost.dev",
      });
      expect(error.message).toContain(RelayServiceService[name].path.slice(1));
    },
  );

  test("bad fields arrive in the trailers", async () => {
    const { client } = await serve();
    const error = await client
      .enqueue({ job: jobWith({ priority: 10 }) })
      .catch((error: ServiceError) => decodeError(error));
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ["job.priority"] });
  });

  test("an answer with as many bad fields as fit arrives", async () => {
    const { client } = await serve();
    const headers = Array.from({ length: 100 }, (_, index) => ({ name: `☃ ${index}`, value: "\n" }));
    const error = await client
      .enqueue({ job: jobWith({}, { headers }) })
      .catch((error: ServiceError) => decodeError(error));
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, reason: "INVALID_ARGUMENT" });
  });

  test("a defect shows the caller two words and the log everything", async () => {
    const { client, log } = await serve({
      wrap: () => ({ get: () => Promise.reject(new TypeError("cannot read /etc/secret")) }),
    });
    const error = await client.getJob({ name: "jobs/a" }).catch((error: ServiceError) => error);
    expect(error).toMatchObject({ code: status.INTERNAL, details: "internal error" });
    expect(JSON.stringify((error as ServiceError).metadata.getMap())).not.toContain("secret");
    expect(log.join("")).toContain("/etc/secret");
  });

  test("a bad request leaves no line in the log", async () => {
    const { client, log } = await serve();
    await client.enqueue({}).catch(() => undefined);
    expect(log).toEqual([]);
  });

  test("a message that is larger than allowed is refused, and the connection lives on", async () => {
    const { client, relay } = await serve();
    const body = Buffer.alloc(5 * 1024 * 1024);
    const error = await client.enqueue({ job: jobWith({}, { body }) }).catch((error: ServiceError) => error);
    expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await client.enqueue({ job: jobWith() });
    expect(await relay.store.depth()).toBe(1);
  });

  test("the largest message is asked for anew with each call, on a connection that is there already", async () => {
    const limits = { maxMessageBytes: 1024 };
    const { client } = await serve({}, limits);
    const send = (bytes: number): Promise<unknown> =>
      client
        .enqueue({ job: jobWith({}, { body: Buffer.alloc(bytes) }) })
        .catch((error: ServiceError) => error);
    expect(await send(2000)).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    limits.maxMessageBytes = 4096;
    // Stopped by the job's own limit, which comes after the message's.
    expect(await send(2000)).toMatchObject({ code: status.INVALID_ARGUMENT });
    limits.maxMessageBytes = 512;
    expect(await send(800)).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  test("bytes that are no message are refused, and the connection lives on", async () => {
    const { client, relay } = await serve();
    const garbage = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]);
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.channel.makeUnaryRequest(
        RelayServiceService.enqueue.path,
        (): Buffer => garbage,
        (bytes) => bytes,
        undefined,
        resolve,
      );
    });
    expect(error?.code).toBeGreaterThan(0);
    await client.enqueue({ job: jobWith() });
    expect(await relay.store.depth()).toBe(1);
  });

  test("a request with fields of a later version is taken", async () => {
    const { client } = await serve();
    const { name } = await client.enqueue({ job: jobWith(), jobId: "a" });
    const { path, requestSerialize, responseDeserialize } = RelayServiceService.getJob;
    const later = Buffer.from([0xf2, 0x3f, 3, 1, 2, 3, 0xf8, 0x3f, 42]);
    const job = await new Promise((resolve, reject) => {
      client.channel.makeUnaryRequest(
        path,
        (request: { name: string; readMask: string[] }): Buffer =>
          Buffer.concat([requestSerialize(request), later]),
        responseDeserialize,
        { name, readMask: ["name"] },
        (error, answer) => (error === null ? resolve(answer) : reject(error)),
      );
    });
    expect(job).toMatchObject({ name: "jobs/a" });
  });

  test.each([
    ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
    ["uber-trace-id", "af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1"],
  ])("the metadata %s cannot break a call, whatever it holds", async (key, good) => {
    const { client } = await serve();
    for (const value of [good, "", "garbage", "00-0-0-0", "x".repeat(4000), "%", "%zz:%zz"]) {
      expect((await client.enqueue({ job: jobWith() }, { metadata: { [key]: value } })).name).toMatch(
        /^jobs\//,
      );
    }
  });
});
