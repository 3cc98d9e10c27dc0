import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { deleteJob } from "../../server/src/api/delete-job.ts";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { revisionOf, toEtag } from "../../server/src/api/etag.ts";
import { DeleteJobRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { cancel } from "./full-job.ts";
import { call, errorOf, jobWith, openRelay, received } from "./setting.ts";
import type { Setting } from "./setting.ts";

const remove = (relay: Setting, name: string, etag = "") =>
  deleteJob(relay, DeleteJobRequest.create({ name, etag }));

async function withCancelled(): Promise<{ relay: Setting; etag: string }> {
  const relay = await openRelay();
  await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
  const { etag } = await cancel(relay, "jobs/a");
  return { relay, etag };
}

describe("DeleteJob", () => {
  test("deletes a job that has ended, and its id can be given again", async () => {
    const { relay } = await withCancelled();
    expect(await remove(relay, "jobs/a")).toEqual({});
    expect(await errorOf(remove(relay, "jobs/a"))).toMatchObject({
      code: status.NOT_FOUND,
      reason: "JOB_NOT_FOUND",
    });
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    expect(await relay.store.depth()).toBe(1);
  });

  test("refuses one that has not ended, and says its state", async () => {
    const relay = await openRelay();
    await enqueue(relay, received({ job: jobWith(), jobId: "a" }), call);
    const error = await errorOf(remove(relay, "jobs/a"));
    expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, reason: "JOB_NOT_TERMINAL" });
    expect(error.message).toContain("QUEUED");
    expect(await relay.store.depth()).toBe(1);
  });

  test("with an etag deletes that state of it only", async () => {
    const { relay, etag } = await withCancelled();
    for (const other of ['"1"', '"zz"', `${etag} `, "*", "W/".concat(etag), '"00000000000000"']) {
      const error = await errorOf(remove(relay, "jobs/a", other));
      expect(error).toMatchObject({ code: status.ABORTED, reason: "ETAG_MISMATCH" });
      expect(error.message).toContain(JSON.stringify(other));
    }
    expect(await remove(relay, "jobs/a", etag)).toEqual({});
  });

  test("names what is wrong with a name", async () => {
    const relay = await openRelay();
    expect(await errorOf(remove(relay, "queues/a"))).toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

test("an etag is read as it is written, and nothing else is", () => {
  for (const revision of [0, 1, 35, 36, 1e9, Number.MAX_SAFE_INTEGER]) {
    expect(revisionOf(toEtag(revision))).toBe(revision);
  }
  expect(revisionOf("")).toBeUndefined();
  for (const other of ['""', '"01"', '"A"', '"zzzzzzzzzzz"', "1", '"1', '"1"x']) {
    expect(revisionOf(other)).toBe(-1);
  }
});
