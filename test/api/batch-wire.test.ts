import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { readBatch, writeBatch } from "../../server/src/api/batch-wire.ts";
import { inSlices } from "../../server/src/api/slices.ts";
import { Job } from "../../server/src/gen/fieldpost/v1/job.ts";
import { BatchEnqueueRequest, BatchEnqueueResponse } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { errorOf, jobWith } from "./setting.ts";

describe("a batch on the wire", () => {
  test("is read as the generated code reads it, also with fields that this release does not know", () => {
    const requests = Array.from({ length: 300 }, (_, index) => ({
      job: jobWith({ priority: index % 10 }, { body: Buffer.alloc(index) }),
      jobId: `job-${index}`,
    }));
    const bytes = BatchEnqueueRequest.encode(BatchEnqueueRequest.create({ requests })).finish();
    // Field 99, length-delimited, and field 98, a varint.
    const unknown = Buffer.from([0x9a, 0x06, 0x01, 0x00, 0x90, 0x06, 0x05]);
    const read = readBatch(Buffer.concat([unknown, bytes, unknown])).requests;
    expect(read).toHaveLength(300);
    expect([...read]).toEqual(BatchEnqueueRequest.decode(bytes).requests);
    expect([...readBatch(Buffer.alloc(0)).requests]).toEqual([]);
  });

  test("is written as the generated code writes it", async () => {
    const jobs = Array.from({ length: 300 }, (_, index) => Job.create({ name: `jobs/${index}`, state: 2 }));
    const bytes = await writeBatch({ jobs });
    expect(bytes).toEqual(Buffer.from(BatchEnqueueResponse.encode({ jobs }).finish()));
  });

  test.each([
    ["cut off in a request", [0x0a, 0x05, 0x0a]],
    ["with an end where none began", [0x0c]],
    ["of a request that is none", [0x0a, 0x02, 0xff, 0xff]],
  ])("%s is INVALID_ARGUMENT", async (_, bytes) => {
    const read = async () => [...readBatch(Buffer.from(bytes)).requests];
    expect(await errorOf(read())).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "MALFORMED_MESSAGE",
    });
  });
});

test("work in slices lets other work have its turn, and keeps its order", async () => {
  const seen: number[] = [];
  let turns = 0;
  let done = false;
  const count = (): void => {
    turns++;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  await inSlices(
    Array.from({ length: 1000 }, (_, index) => index),
    (item) => {
      seen.push(item);
      const until = performance.now() + 0.1;
      while (performance.now() < until);
    },
  );
  done = true;
  expect(seen).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  expect(turns).toBeGreaterThan(10);
});
