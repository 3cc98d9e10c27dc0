import { once } from "node:events";
import { text } from "node:stream/consumers";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Job, JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { run, start } from "./fixtures/run.ts";
import { failure, startStubRelay, type StubOptions, type StubRelay } from "./fixtures/stub-relay.ts";

let relay: StubRelay;

async function startWith(jobs: number, options: StubOptions = {}): Promise<void> {
  await relay?.stop();
  relay = await startStubRelay(options);
  for (let i = 0; i < jobs; i++) {
    relay.jobs.set(
      `j${i}`,
      Job.create({
        name: `jobs/j${i}`,
        state: i === 0 ? JobState.JOB_STATE_SUCCEEDED : JobState.JOB_STATE_RETRYING,
        target: {
          $case: "http",
          http: {
            method: "POST",
            url: `http://x/${i}`,
            body: Buffer.from("hello"),
            headers: [{ name: "a", value: "b" }],
          },
        },
        attemptCount: i,
        createTime: new Date("2026-11-22T10:00:00Z"),
        labels: new Map([["a.b", "c"]]),
        response: {
          status: 201,
          headers: [{ name: "x", value: "\x1b[2J" }],
          body: Buffer.from([0xff, 0xfe]),
        },
      }),
    );
  }
}

beforeEach(() => startWith(2));
afterEach(() => relay.stop());

describe("fieldpost get", () => {
  it.each(["jobs/j0", "j0"])("shows the job %s for a person, safe for a terminal", async (name) => {
    const result = await run(["get", name], { env: { FIELDPOST_GRPC: relay.address } });
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout.trimEnd().split("\n")).toEqual([
      "name                 jobs/j0",
      "state                SUCCEEDED",
      "http.method          POST",
      "http.url             http://x/0",
      "http.headers[0]      a: b",
      "http.body            hello",
      "labels.a.b           c",
      "create_time          2026-11-22T10:00:00Z",
      "response.status      201",
      "response.headers[0]  x: \\x1b[2J",
      "response.body        (2 bytes)",
    ]);
    expect(relay.gets).toMatchObject([{ name: "jobs/j0", readMask: undefined }]);
  });

  it("asks for exactly the fields of --mask", async () => {
    const args = ["get", "j1", "--mask", "state, response.status", "--grpc", relay.address];
    expect(await run([...args, "--json"])).toMatchObject({
      code: 0,
      stdout: '{"state":"JOB_STATE_RETRYING","response":{"status":201}}\n',
    });
    expect(await run(args)).toMatchObject({ stdout: "state            RETRYING\nresponse.status  201\n" });
    expect(relay.gets[0]!.readMask).toEqual(["state", "response.status"]);
  });

  it("says that a job is not there", async () => {
    const result = await run(["get", "nobody", "--grpc", relay.address]);
    expect(result).toEqual({
      code: 1,
      signal: null,
      stdout: "",
      stderr: "fieldpost: NOT_FOUND: there is no jobs/nobody\n",
    });
  });

  it.each([
    [["get"], "missing required argument 'name'"],
    [["get", "a", "--mask", "state,"], 'flag --mask: "state," names an empty path'],
  ])("refuses %j as wrong usage", async (args, message) => {
    const result = await run(args);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toContain(`fieldpost: ${message}`);
    expect(result.stderr).toMatch(/\n {2}see fieldpost help get\n$/);
  });
});

describe("fieldpost list", () => {
  it("shows a table", async () => {
    const result = await run(["list", "--grpc", relay.address]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toBe(
      [
        "NAME     STATE      ATTEMPTS  CREATED               TARGET",
        "jobs/j0  SUCCEEDED  0         2026-11-22T10:00:00Z  POST http://x/0",
        "jobs/j1  RETRYING   1         2026-11-22T10:00:00Z  POST http://x/1",
        "",
      ].join("\n"),
    );
  });

  it("has the mask's paths for columns", async () => {
    const result = await run(["list", "--mask", "name,response.status", "--grpc", relay.address]);
    expect(result.stdout).toBe("NAME     RESPONSE.STATUS\njobs/j0  201\njobs/j1  201\n");
    expect(relay.lists[0]!.readMask).toEqual(["name", "response.status"]);
  });

  it("sends --filter as it is with every page, and goes on after an empty one", async () => {
    await startWith(5, { pageLimit: 2, emptyPages: true });
    const filter = `labels."a.b" = 'c' AND state = RETRYING`;
    const result = await run(["list", "--filter", filter, "--mask", "name", "--grpc", relay.address]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toBe("NAME\njobs/j0\njobs/j1\njobs/j2\njobs/j3\njobs/j4\n");
    expect(relay.lists.map((request) => request.filter)).toEqual(Array.from({ length: 5 }, () => filter));
    await run(["list", "--grpc", relay.address]);
    expect(relay.lists.at(-1)?.filter).toBe("");
  });

  it("says what is wrong with a filter", async () => {
    const description = 'at column 9, "LOST" is not a state';
    const error = failure(status.INVALID_ARGUMENT, `filter: ${description}`, {
      reason: "INVALID_ARGUMENT",
      violations: [{ field: "filter", description }],
    });
    await startWith(1, { listError: error });
    const result = await run(["list", "--filter", "state = LOST", "--grpc", relay.address]);
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toContain(description);
  });

  it("pages by itself until --limit, 50, or the end", async () => {
    await startWith(130, { pageLimit: 20 });
    const count = async (...args: string[]): Promise<number> => {
      relay.lists.length = 0;
      const result = await run(["list", "--json", "--mask", "name", "--grpc", relay.address, ...args]);
      const names = result.stdout
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { name: string }).name);
      expect(new Set(names).size).toBe(names.length);
      return names.length;
    };
    expect(await count()).toBe(50);
    expect(relay.lists.map(({ pageSize }) => pageSize)).toEqual([50, 30, 10]);
    expect(await count("--limit", "41")).toBe(41);
    expect(await count("--all")).toBe(130);
    expect(relay.lists.every(({ pageSize }) => pageSize === 1000)).toBe(true);
    expect(await count("--all", "--page-size", "7")).toBe(130);
    expect(relay.lists).toHaveLength(19);
  });

  it("ends quietly when its reader has seen enough", async () => {
    await startWith(5000, { pageLimit: 50 });
    const child = start(["list", "--all", "--grpc", relay.address]);
    const stderr = text(child.stderr);
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    expect({ code, signal, stderr: await stderr }).toEqual({ code: 0, signal: null, stderr: "" });
    expect(relay.lists.length).toBeLessThan(100);
  });

  it.each([
    [["--limit", "0"], `flag --limit: "0" is not a whole number`],
    [["--page-size", "1001"], `flag --page-size: "1001" is not a whole number from 1 to 1,000`],
    [["--all", "--limit", "3"], "flags --all and --limit exclude each other"],
  ])("refuses %j as wrong usage", async (args, message) => {
    const result = await run(["list", ...args]);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toContain(`fieldpost: ${message}`);
    expect(result.stderr).toMatch(/\n {2}see fieldpost help list\n$/);
  });
});
