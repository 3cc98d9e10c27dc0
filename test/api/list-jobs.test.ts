import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { enqueue } from "../../server/src/api/enqueue.ts";
import { Job } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { DeepPartial, ListJobsRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { get, list, withFullJob } from "./full-job.ts";
import { call, errorOf, jobWith, openRelay, received } from "./setting.ts";
import type { Setting } from "./setting.ts";

describe("ListJobs", () => {
  async function withJobs(count: number, body = "x"): Promise<Setting> {
    const relay = await openRelay({ maxDepth: 5000 });
    for (let index = 0; index < count; index++) {
      const job = jobWith({ labels: new Map([["n", String(index)]]) }, { body: Buffer.from(body) });
      await enqueue(relay, received({ jobId: `job-${index}`, job }), call);
    }
    return relay;
  }

  /** The names of all pages, in order. */
  async function walk(relay: Setting, request: DeepPartial<ListJobsRequest>): Promise<string[][]> {
    const pages: string[][] = [];
    let pageToken = "";
    do {
      const page = await list(relay, { ...request, pageToken });
      pages.push(page.jobs.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return pages;
  }

  const newestFirst = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => `jobs/job-${count - 1 - index}`);

  test.each([1, 3, 7, 12, 13, 100])(
    "pages by %i without gap and without repeat, newest first",
    async (pageSize) => {
      const relay = await withJobs(12);
      const pages = await walk(relay, { pageSize });
      expect(pages.flat()).toEqual(newestFirst(12));
      for (const page of pages.slice(0, -1)) expect(page).toHaveLength(pageSize);
    },
  );

  test("neither repeats nor skips an old job while new ones come", async () => {
    const relay = await withJobs(6);
    const first = await list(relay, { pageSize: 3 });
    for (const jobId of ["new-1", "new-2"]) await enqueue(relay, received({ jobId, job: jobWith() }), call);
    const second = await list(relay, { pageSize: 3, pageToken: first.nextPageToken });
    expect([...first.jobs, ...second.jobs].map(({ name }) => name)).toEqual(newestFirst(6));
  });

  test("answers 50 where nothing is said, and at most 1,000", async () => {
    const relay = await openRelay({
      wrap: () => ({ list: (query) => Promise.resolve({ jobs: [], nextBeforeKey: query.limit }) }),
    });
    const limitOf = async (pageSize: number): Promise<string> =>
      (await list(relay, { pageSize })).nextPageToken;
    const [unset, fifty, thousand, more, most] = await Promise.all(
      [0, 50, 1000, 1001, 2 ** 31 - 1].map(limitOf),
    );
    expect(unset).toBe(fifty);
    expect(more).toBe(thousand);
    expect(most).toBe(thousand);
    expect(unset).not.toBe(thousand);
  });

  test("without a mask leaves out body, parameters, attempts, response headers and response body", async () => {
    const relay = await withFullJob();
    const [job] = (await list(relay)).jobs;
    const full = await get(relay, "jobs/full");
    const { attempts: _, ...rest } = full;
    expect(job).toEqual(
      Job.create({
        ...rest,
        target: {
          $case: "http",
          http: { ...full.target!.http, body: Buffer.alloc(0), parameters: new Map() },
        },
        response: { status: 503, headers: [], body: Buffer.alloc(0), truncated: true },
      }),
    );
    expect(relay.readParts[0]).toEqual(new Set(["spec", "response", "last-error"]));
    expect((await list(relay, { readMask: [] })).jobs).toEqual([job]);
  });

  test("returns bodies when they are asked for, and everything for *", async () => {
    const relay = await withFullJob();
    const [masked] = (await list(relay, { readMask: ["http.body"] })).jobs;
    expect(masked?.target?.http.body.toString()).toBe("the body");
    expect(masked?.name).toBe("");
    expect(relay.readParts[0]).toEqual(new Set(["spec", "body"]));
    expect((await list(relay, { readMask: ["*"] })).jobs).toEqual([await get(relay, "jobs/full")]);
  });

  test("ends a page at about 3 MiB, and loses none of the rest", async () => {
    const relay = await openRelay({ maxDepth: 5000 });
    const big = { ...relay, limits: { ...relay.limits, maxBodyBytes: 2 ** 20 } };
    const body = Buffer.alloc(2 ** 20, "x");
    for (let index = 0; index < 7; index++) {
      await enqueue(big, received({ jobId: `job-${index}`, job: jobWith({}, { body }) }), call);
    }
    const pages = await walk(relay, { readMask: ["name", "http.body"] });
    expect(pages.flat()).toEqual(newestFirst(7));
    expect(pages.length).toBeGreaterThan(1);
    for (const page of pages) expect(page.length).toBeLessThanOrEqual(4);
  });

  const garbage = ["x", "????", "AAAA", "A".repeat(1000), "", "é"].filter((token) => token !== "");
  test.each(garbage)("refuses the page token %j", async (pageToken) => {
    const relay = await withJobs(3);
    expect(await errorOf(list(relay, { pageToken }))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      fields: ["page_token"],
    });
  });

  test("refuses a page token in which one character was changed", async () => {
    const relay = await withJobs(3);
    const { nextPageToken } = await list(relay, { pageSize: 1 });
    expect(nextPageToken).not.toBe("");
    for (let at = 0; at < nextPageToken.length; at++) {
      const changed = nextPageToken[at] === "A" ? "B" : "A";
      const pageToken = `${nextPageToken.slice(0, at)}${changed}${nextPageToken.slice(at + 1)}`;
      expect((await errorOf(list(relay, { pageSize: 1, pageToken }))).fields).toEqual(["page_token"]);
    }
  });

  test.each([[["state"]], [["*"]], [["name", "state"]]])(
    "refuses a page token of another mask (%j)",
    async (readMask) => {
      const relay = await withJobs(3);
      const { nextPageToken } = await list(relay, { pageSize: 1, readMask: ["name"] });
      const error = await errorOf(list(relay, { pageSize: 1, readMask, pageToken: nextPageToken }));
      expect(error.fields).toEqual(["page_token"]);
      const { jobs } = await list(relay, { pageSize: 2, readMask: ["name"], pageToken: nextPageToken });
      expect(jobs).toHaveLength(2);
    },
  );

  test("refuses all that is wrong or not offered at once", async () => {
    const relay = await withJobs(1);
    const error = await errorOf(
      list(relay, {
        filter: "state = LOST",
        orderBy: "name",
        pageSize: -1,
        pageToken: "x",
        readMask: ["nope"],
      }),
    );
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.fields).toEqual(["filter", "order_by", "page_size", "read_mask.paths[0]", "page_token"]);
    expect(relay.readParts).toEqual([]);
  });
});
