import { status } from "@grpc/grpc-js";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { finish, run, start } from "./fixtures/run.ts";
import { failure, startStubRelay, type StubRelay } from "./fixtures/stub-relay.ts";

let relay: StubRelay;
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "fieldpost-file-"));
});
afterAll(() => rmSync(dir, { recursive: true }));
afterEach(() => relay.stop());

function file(...lines: readonly (string | object)[]): string {
  const path = join(dir, `${Math.random()}.jsonl`);
  writeFileSync(
    path,
    lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
  );
  return path;
}

function requests(count: number, id?: (i: number) => string): object[] {
  return Array.from({ length: count }, (_, i) => ({
    job: { http: { method: "POST", url: `http://x/${i}`, body: "aGk=" } },
    ...(id === undefined ? {} : { jobId: id(i) }),
  }));
}

const unavailable = failure(status.UNAVAILABLE, "connection lost");
/** Resolves when `condition` holds; looks whenever the event loop turns. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/** A whole other command: time enough for the one under test to do what it should not. */
async function anotherProcess(): Promise<void> {
  expect(await run(["get", "nobody", "--grpc", relay.address])).toMatchObject({ code: 1 });
}

describe("fieldpost enqueue --file", () => {
  it("hands 10,000 lines over exactly once, ids kept, to a relay that fails after storing", async () => {
    relay = await startStubRelay({
      // One in 50 is stored and its answer lost, one in 70 is turned away before.
      fate: (call) => {
        if (call % 50 === 0) return { kind: "store-and-fail", error: unavailable };
        if (call % 70 === 0) {
          const error = failure(status.RESOURCE_EXHAUSTED, "the queue is full", { retryDelayMs: 20 });
          return { kind: "refuse", error };
        }
        return { kind: "answer" };
      },
    });
    const path = file(...requests(10_000, (i) => `job-${i}`));
    const result = await run(["enqueue", "--file", path, "--grpc", relay.address]);
    expect(result).toMatchObject({ code: 0, stdout: "" });
    expect(result.stderr).toMatch(/10,000 jobs enqueued, 0 failed, in [\d.]+ s \([\d,]+\/s\)\n$/);
    expect(relay.jobs.size).toBe(10_000);
    for (let i = 0; i < 10_000; i++) {
      const job = relay.jobs.get(`job-${i}`);
      expect(job?.target?.http.url).toBe(`http://x/${i}`);
      expect(relay.stored.get(`job-${i}`)).toBe(1);
    }
    expect(relay.enqueues.length).toBeGreaterThan(10_200);
  });

  it("gives each line without an id one that its repeats keep", async () => {
    relay = await startStubRelay({
      fate: (call) => (call % 3 === 0 ? { kind: "store-and-fail", error: unavailable } : { kind: "answer" }),
    });
    const result = await run(["enqueue", "--file", "-", "--json", "--grpc", relay.address], {
      input: requests(30)
        .map((request) => `${JSON.stringify(request)}\r\n`)
        .join(""),
    });
    expect(result.code).toBe(0);
    expect(relay.jobs.size).toBe(30);
    for (const id of relay.jobs.keys()) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    const said = result.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(said.map(({ line }) => line).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
    for (const { line, name, state } of said) {
      const job = relay.jobs.get(String(name).slice("jobs/".length));
      expect(job?.target?.http.url).toBe(`http://x/${Number(line) - 1}`);
      expect([undefined, "JOB_STATE_QUEUED"]).toContain(state);
    }
  });

  it("reports bad lines by number and goes on", async () => {
    const violations = [{ field: "job.http.url", description: "is not absolute" }];
    const invalid = failure(status.INVALID_ARGUMENT, "bad", { reason: "INVALID_ARGUMENT", violations });
    relay = await startStubRelay({
      fate: (_, { job }) =>
        job?.target?.http.url === "relative" ? { kind: "refuse", error: invalid } : { kind: "answer" },
    });
    const path = file(
      ...requests(1),
      "{nonsense",
      "",
      { job: { http: { urll: "x" } } },
      { job: { http: { url: "relative" } } },
      "[]",
      { job: { http: { url: "http://taken/" } }, jobId: "taken" },
      { job: { http: { url: "http://taken/" } }, jobId: "taken" },
      ...requests(1),
    );
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from("\n\xff{}\n", "latin1")]));
    const args = ["enqueue", "--file", path, "--json", "--concurrency", "1", "--grpc", relay.address];
    const result = await run(args);
    expect(result.code).toBe(1);
    // Bad lines are reported as they are found, answers as they come.
    expect(
      result.stderr
        .split("\n")
        .filter((line) => line.startsWith("line "))
        .toSorted(),
    ).toEqual([
      "line 10: not UTF-8",
      expect.stringMatching(/^line 2: not JSON: /),
      'line 4: HttpTarget: key "urll" is unknown',
      "line 5: INVALID_ARGUMENT: job.http.url: is not absolute",
      "line 6: EnqueueRequest: Array(0)",
      "line 8: ALREADY_EXISTS: the id is taken",
    ]);
    expect(result.stderr).toMatch(/3 jobs enqueued, 6 failed/);
    const said = result.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(said).toHaveLength(9);
    expect(said.find(({ line }) => line === 5)).toEqual({
      line: 5,
      error: "INVALID_ARGUMENT: job.http.url: is not absolute",
    });
    expect(relay.jobs.size).toBe(3);
  });

  it("has at most --concurrency calls under way, over --channels connections, and reads no further", async () => {
    const gate = Promise.withResolvers<void>();
    relay = await startStubRelay({ hold: () => gate.promise });
    const child = start([
      "enqueue",
      "--file",
      "-",
      "--concurrency",
      "20",
      "--channels",
      "3",
      "--grpc",
      relay.address,
    ]);
    // Far more than the pipe and 20 calls hold: writing it can only end when calls come back.
    const line = `${JSON.stringify({ job: { http: { url: "http://x/", body: "A".repeat(40_000) } } })}\n`;
    let written = false;
    child.stdin.end(line.repeat(200), () => (written = true));
    await until(() => relay.underWay() >= 20);
    await anotherProcess();
    expect(relay.underWay()).toBe(20);
    expect(written).toBe(false);
    gate.resolve();
    expect(await finish(child)).toMatchObject({ code: 0 });
    expect(relay.mostUnderWay()).toBe(20);
    expect(relay.peers.size).toBe(3);
    expect(relay.jobs.size).toBe(200);
  });

  it("bounds the bytes under way too, whatever the concurrency", async () => {
    const gate = Promise.withResolvers<void>();
    relay = await startStubRelay({ hold: () => gate.promise });
    const child = start(["enqueue", "--file", "-", "--concurrency", "1000", "--grpc", relay.address]);
    const line = `${JSON.stringify({ job: { http: { url: "http://x/", body: "A".repeat(4_000_000) } } })}\n`;
    child.stdin.on("error", () => {});
    child.stdin.end(line.repeat(40));
    // 64 MiB hold 16 of them.
    await until(() => relay.underWay() >= 16);
    await anotherProcess();
    expect(relay.underWay()).toBe(16);
    gate.resolve();
    expect(await finish(child)).toMatchObject({ code: 0 });
    expect(relay.mostUnderWay()).toBe(16);
    expect(relay.jobs.size).toBe(40);
  });

  it("waits for a relay that is away, and says so", async () => {
    relay = await startStubRelay();
    await relay.stop();
    const child = start(["enqueue", "--file", file(...requests(5)), "--grpc", relay.address]);
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    await until(() => stderr.includes("refuses for now, trying again: UNAVAILABLE"));
    relay = await startStubRelay({ port: relay.port });
    expect(await finish(child, "")).toMatchObject({ code: 0 });
    expect(relay.jobs.size).toBe(5);
    expect(stderr.match(/refuses for now/g)).toHaveLength(1);
  });

  it("gives up at once with --no-retry, and after --retry-for", async () => {
    relay = await startStubRelay();
    await relay.stop();
    for (const flags of [["--no-retry"], ["--retry-for", "0s"], ["--retry-for", "150ms"]]) {
      const result = await run([
        "enqueue",
        "--file",
        file(...requests(3)),
        "--grpc",
        relay.address,
        ...flags,
      ]);
      expect(result.code).toBe(1);
      expect(result.stderr.match(/line \d: UNAVAILABLE/g)).toHaveLength(3);
      expect(result.stderr).toMatch(/0 jobs enqueued, 3 failed/);
    }
  });

  it("does not repeat what is too large for ever", async () => {
    const error = failure(status.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 1)");
    relay = await startStubRelay({ fate: () => ({ kind: "refuse", error }) });
    const result = await run(["enqueue", "--file", file(...requests(1)), "--grpc", relay.address]);
    expect(result.code).toBe(1);
    expect(relay.enqueues).toHaveLength(1);
  });

  it("takes a taken id for a failure when the first try cannot have stored it", async () => {
    const full = failure(status.RESOURCE_EXHAUSTED, "full", { retryDelayMs: 1 });
    const taken = failure(status.ALREADY_EXISTS, "taken");
    relay = await startStubRelay({ fate: (call) => ({ kind: "refuse", error: call === 1 ? full : taken }) });
    const path = file(...requests(1, () => "of-another"));
    expect(await run(["enqueue", "--file", path, "--grpc", relay.address])).toMatchObject({ code: 1 });
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "stops reading on %s, waits for its calls, and says what was done",
    async (signal) => {
      const gate = Promise.withResolvers<void>();
      relay = await startStubRelay({ hold: () => gate.promise });
      const path = file(...requests(1000));
      const child = start(["enqueue", "--file", path, "--concurrency", "8", "--grpc", relay.address]);
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      await until(() => relay.underWay() === 8);
      child.kill(signal);
      gate.resolve();
      expect(await finish(child, "")).toMatchObject({ code: 130, signal: null });
      const done = Number(/(\d+) jobs? enqueued, 0 failed/.exec(stderr)?.[1]);
      expect(relay.jobs.size).toBe(done);
      expect(done).toBeGreaterThanOrEqual(8);
      expect(done).toBeLessThan(1000);
      expect(stderr).toContain(`stopped after line ${done}\n`);
    },
  );

  it("stops on SIGINT while it waits for standard input", async () => {
    relay = await startStubRelay();
    const child = start(["enqueue", "--file", "-", "--grpc", relay.address]);
    child.stdin.write(`${JSON.stringify(requests(1)[0])}\n`);
    await until(() => relay.jobs.size === 1);
    child.kill("SIGINT");
    const result = await finish(child);
    expect(result.code).toBe(130);
    expect(result.stderr).toMatch(/stopped after line 1\n1 job enqueued, 0 failed/);
  });

  it("ends at once on a second SIGINT", async () => {
    relay = await startStubRelay({ hold: () => new Promise(() => {}) });
    const child = start(["enqueue", "--file", file(...requests(3)), "--grpc", relay.address]);
    await until(() => relay.underWay() === 3);
    const ended = finish(child, "");
    // A signal that is still pending swallows the next of its kind, so it is sent until it has its effect.
    const timer = setInterval(() => child.kill("SIGINT"), 20);
    expect(await ended).toMatchObject({ code: 130 });
    clearInterval(timer);
  });

  it("stops, and waits for its calls, when nobody reads its output any more", async () => {
    relay = await startStubRelay();
    const child = start(["enqueue", "--file", "-", "--json", "--grpc", relay.address]);
    const line = `${JSON.stringify(requests(1)[0])}\n`;
    child.stdin.write(line);
    await once(child.stdout, "data");
    child.stdout.destroy();
    child.stdin.write(line);
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(130);
    expect(relay.jobs.size).toBe(2);
  });

  it("takes an empty file for done", async () => {
    relay = await startStubRelay();
    const result = await run(["enqueue", "--file", file(), "--grpc", relay.address]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toMatch(/^0 jobs enqueued, 0 failed/);
  });
});
