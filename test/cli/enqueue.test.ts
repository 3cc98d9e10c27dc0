import { status } from "@grpc/grpc-js";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { run } from "./fixtures/run.ts";
import { failure, startStubRelay, type StubOptions, type StubRelay } from "./fixtures/stub-relay.ts";

let relay: StubRelay;
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "fieldpost-enqueue-"));
});
afterAll(() => rmSync(dir, { recursive: true }));
afterEach(() => relay.stop());

async function enqueue(args: readonly string[], options: StubOptions & { input?: string } = {}) {
  relay = await startStubRelay(options);
  return run(["enqueue", "--grpc", relay.address, ...args], { input: options.input ?? "" });
}

describe("fieldpost enqueue URL", () => {
  it("prints the job's name", async () => {
    expect(await enqueue(["http://x/"])).toEqual({
      code: 0,
      signal: null,
      stdout: "jobs/made-1\n",
      stderr: "",
    });
    expect(relay.enqueues).toMatchObject([
      { jobId: "", job: { target: { http: { method: "", url: "http://x/" } } } },
    ]);
  });

  it("sends all that the flags say", async () => {
    const before = Date.now();
    const target = [
      "http://x/",
      "-X",
      "PUT",
      "-H",
      "Content-Type: text/plain; a=b",
      "-H",
      "x-empty:",
      "-d",
      "hé",
    ];
    const policy = ["--id", "mine", "--delay", "10s", "--max-attempts", "3", "--timeout", "2500ms"];
    const labels = ["--label", "team=a=b", "--label", "env="];
    const result = await enqueue([...target, ...policy, ...labels, "--json"]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const [request] = relay.enqueues;
    expect(request).toMatchObject({
      jobId: "mine",
      job: {
        target: {
          http: {
            method: "PUT",
            headers: [
              { name: "Content-Type", value: "text/plain; a=b" },
              { name: "x-empty", value: "" },
            ],
          },
        },
        maxAttempts: 3,
        attemptTimeout: { seconds: 2n, nanos: 500_000_000 },
        labels: new Map([
          ["team", "a=b"],
          ["env", ""],
        ]),
      },
    });
    expect(request!.job!.target!.http.body.toString()).toBe("hé");
    const due = request!.job!.scheduleTime!.getTime() - 10_000;
    expect(due).toBeGreaterThanOrEqual(before);
    expect(due).toBeLessThanOrEqual(Date.now());
    expect(JSON.parse(result.stdout)).toMatchObject({
      name: "jobs/mine",
      state: "JOB_STATE_QUEUED",
      attemptTimeout: "2.500s",
      http: { body: "aMOp" },
    });
  });

  it("takes the body from a file or stdin as it is", async () => {
    const file = join(dir, "body");
    writeFileSync(file, Buffer.from([0, 0xff, 0x0a]));
    await enqueue(["http://x/", "-d", `@${file}`]);
    expect([...relay.enqueues[0]!.job!.target!.http.body]).toEqual([0, 0xff, 0x0a]);
    await relay.stop();
    await enqueue(["http://x/", "-d", "@-"], { input: "from stdin\n" });
    expect(relay.enqueues[0]!.job!.target!.http.body.toString()).toBe("from stdin\n");
  });

  it("reaches a relay on a unix socket", async () => {
    expect(await enqueue(["http://x/"], { socketPath: join(dir, "relay.sock") })).toMatchObject({ code: 0 });
  });

  it.each([
    [["--at", "tomorrow", "http://x/"], `flag --at: "tomorrow" is not a time`],
    [["--at", "2027-01-01T00:00:00Z", "--delay", "1s", "http://x/"], "--at and --delay exclude each other"],
    [["--delay", "10", "http://x/"], `flag --delay: "10" is not a duration`],
    [["--timeout", "31m", "http://x/"], `flag --timeout: "31m" is not a duration from 1ms to 30m`],
    [["--max-attempts", "0", "http://x/"], `flag --max-attempts: "0" is not a whole number from 1 to 1,000`],
    [["-H", "nope", "http://x/"], `flag --header: "nope" is not 'Name: value'`],
    [["--label", "nope", "http://x/"], `flag --label: "nope" is not key=value`],
    [["-d", "@/not/there", "http://x/"], `flag --data: "/not/there" cannot be read`],
    [[], "enqueue takes a URL or --file, one of them"],
    [["http://x/", "--file", "y"], "enqueue takes a URL or --file, one of them"],
    [["http://x/", "--concurrency", "3"], "flag --concurrency goes with --file"],
    [["--file", "-", "-X", "PUT"], "flag --method does not go with --file"],
    [["--file", "/not/there"], `flag --file: "/not/there" cannot be read`],
    [["--file", "/tmp"], "is a directory"],
    [["http://x/", "--grpc", "nowhere"], `flag --grpc: "nowhere" is not an address`],
    [["http://x/", "--bogus"], "unknown option '--bogus'"],
    [["http://x/", "http://y/"], "too many arguments"],
  ])("refuses %j as wrong usage", async (args, message) => {
    const result = await enqueue(args);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toContain(message);
    expect(result.stderr).toMatch(/^fieldpost: (?!error)[^\n]*\n {2}see fieldpost help enqueue\n$/);
    expect(relay.enqueues).toEqual([]);
  });
});

describe("errors of the relay", () => {
  it("are printed with code, message, every bad field and the time to wait", async () => {
    const violations = [
      { field: "job.http.url", description: '"x" is not absolute' },
      { field: "job_id", description: "has a \x1b[31mblank" },
    ];
    const error = failure(status.INVALID_ARGUMENT, "job.http.url: …", {
      reason: "INVALID_ARGUMENT",
      violations,
      retryDelayMs: 1500,
    });
    const result = await enqueue(["x"], { fate: () => ({ kind: "refuse", error }) });
    expect(result).toEqual({
      code: 1,
      signal: null,
      stdout: "",
      stderr: [
        "fieldpost: INVALID_ARGUMENT: job.http.url: …",
        '  job.http.url: "x" is not absolute',
        "  job_id: has a \\x1b[31mblank",
        "  the relay asks to try again in 1.5 s\n",
      ].join("\n"),
    });
  });

  it("are printed once when one field is bad", async () => {
    const violations = [{ field: "job.http.url", description: "is required" }];
    const error = failure(status.INVALID_ARGUMENT, "job.http.url: is required", {
      reason: "INVALID_ARGUMENT",
      violations,
    });
    const result = await enqueue(["x"], { fate: () => ({ kind: "refuse", error }) });
    expect(result.stderr).toBe("fieldpost: INVALID_ARGUMENT: job.http.url: is required\n");
  });

  it("name the bad field where the message does not", async () => {
    const violations = [{ field: "job.http.url", description: "is required" }];
    const error = failure(status.INVALID_ARGUMENT, "bad request", {
      reason: "INVALID_ARGUMENT",
      violations,
    });
    const result = await enqueue(["x"], { fate: () => ({ kind: "refuse", error }) });
    expect(result.stderr).toBe("fieldpost: INVALID_ARGUMENT: bad request\n  job.http.url: is required\n");
  });

  it("end without the label that grpc-js leaves open", async () => {
    const error = failure(status.UNAVAILABLE, "gone. Last error: ECONNREFUSED. Resolution note: ", {
      reason: "X",
    });
    const result = await enqueue(["x"], { fate: () => ({ kind: "refuse", error }) });
    expect(result.stderr).toBe("fieldpost: UNAVAILABLE: gone. Last error: ECONNREFUSED.\n");
  });

  it("say what to do when no relay is there", async () => {
    relay = await startStubRelay();
    await relay.stop();
    const result = await run(["enqueue", "http://x/"], { env: { FIELDPOST_GRPC: relay.address } });
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toMatch(/^fieldpost: UNAVAILABLE: /);
    expect(result.stderr).toContain(
      `no relay could be reached at ${relay.address}: start one with "fieldpost serve", or say where it is with --grpc or FIELDPOST_GRPC`,
    );
  });

  it("do not say so when the relay itself is unavailable", async () => {
    const error = failure(status.UNAVAILABLE, "shutting down", { reason: "DRAINING" });
    const result = await enqueue(["x"], { fate: () => ({ kind: "refuse", error }) });
    expect(result.stderr).toBe("fieldpost: UNAVAILABLE: shutting down\n");
  });

  it("name the deadline when it is over", async () => {
    const result = await enqueue(["x", "--deadline", "50ms"], { hold: () => new Promise(() => {}) });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/DEADLINE_EXCEEDED(.|\n)*--deadline says how long to wait/);
  });
});

describe("trace context", () => {
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  it("of TRACEPARENT reaches the relay, whether or not spans are exported", async () => {
    relay = await startStubRelay();
    const env = { TRACEPARENT: parent, TRACESTATE: "a=b" };
    expect(await run(["enqueue", "http://x/", "--grpc", relay.address], { env })).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(relay.metadata[0]!.get("traceparent")).toEqual([parent]);
    expect(relay.metadata[0]!.get("tracestate")).toEqual(["a=b"]);
  });

  it("is the parent of the call's own span when OTEL_* variables ask for one", async () => {
    relay = await startStubRelay();
    const env = {
      TRACEPARENT: parent,
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      OTEL_EXPORTER_OTLP_TIMEOUT: "200",
    };
    const result = await run(["enqueue", "http://x/", "--grpc", relay.address], { env });
    expect(result).toMatchObject({ code: 0, stdout: "jobs/made-1\n" });
    const [sent] = relay.metadata[0]!.get("traceparent") as string[];
    expect(sent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    expect(sent).not.toBe(parent);
  });

  it("is not sent when nobody asks", async () => {
    await enqueue(["http://x/"]);
    expect(relay.metadata[0]!.get("traceparent")).toEqual([]);
  });
});
