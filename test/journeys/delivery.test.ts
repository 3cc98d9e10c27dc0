/** From Enqueue to the target and back to GetJob, with real processes. */
import { describe, expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { createRelayClient } from "../support/relay-client.ts";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { attemptsOf, clientOfEachWorker, post, reasonOf, soon } from "./setting.ts";

describe("a relay of two workers", () => {
  test("delivers 1,000 jobs exactly once, each with its own body, and GetJob reads them through masks", async () => {
    await using target = await startTarget((request) => ({
      status: 200,
      body: `got ${request.body.toString()}`,
    }));
    await using relay = await startRelay();
    const clients = Array.from({ length: 8 }, () => createRelayClient(relay.grpcAddress));
    const jobs = await Promise.all(
      Array.from({ length: 1000 }, (_, index) =>
        clients[index % 8]!.enqueue({ job: post(`${target.url}/${index}`, `body ${index}`) }),
      ),
    );
    const requests = await target.received(1000);
    const done = await Promise.all(
      jobs.map(({ name }, index) => clients[index % 8]!.reached(name, JobState.JOB_STATE_SUCCEEDED)),
    );
    for (const client of clients) client.close();

    const byUrl = new Map(requests.map((request) => [request.url, request]));
    expect(requests).toHaveLength(1000);
    expect(byUrl.size).toBe(1000);
    for (const [index, job] of done.entries()) {
      const request = byUrl.get(`/${index}`);
      expect(request?.body.toString()).toBe(`body ${index}`);
      expect(request?.headers["idempotency-key"]).toBe(job.uid);
      expect(request?.headers["fieldpost-attempt"]).toBe("1/10");
      expect(job.response?.body.toString()).toBe(`got body ${index}`);
      expect(job.attempts).toHaveLength(1);
    }
    expect(new Set(done.map(({ attempts }) => attempts[0]?.worker)).size).toBe(2);

    const { name, uid } = jobs[7]!;
    const state = await relay.client.getJob({ name, readMask: ["state"] });
    expect(state).toMatchObject({ state: JobState.JOB_STATE_SUCCEEDED, name: "", uid: "", attempts: [] });
    expect(state.target).toBeUndefined();
    const body = await relay.client.getJob({ name, readMask: ["uid", "http.body"] });
    expect(body.uid).toBe(uid);
    expect(body.target?.http).toMatchObject({ body: Buffer.from("body 7"), url: "", headers: [] });
    const attempts = await relay.client.getJob({
      name,
      readMask: ["attempts.*.http_status", "response.status"],
    });
    expect(attempts.attempts).toHaveLength(1);
    expect(attempts.attempts[0]).toMatchObject({ httpStatus: 200, number: 0, worker: "" });
    expect(attempts.response).toMatchObject({ status: 200, headers: [], body: Buffer.alloc(0) });

    expect(await relay.stop()).toBe(0);
    expect(target.requests).toHaveLength(1000);
  });

  test("repeats what the target refuses for a while, with the same idempotency key and the attempt's number", async () => {
    await using target = await startTarget((_, index) => (index < 2 ? 503 : 200));
    await using relay = await startRelay();
    const { name, uid } = await relay.client.enqueue({
      job: { ...post(target.url, "again"), retryPolicy: soon, maxAttempts: 5 },
    });
    const job = await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    expect(attemptsOf(job)).toEqual([
      [1, "FAILED", 503, "STATUS_RETRYABLE"],
      [2, "FAILED", 503, "STATUS_RETRYABLE"],
      [3, "SUCCEEDED", 200, undefined],
    ]);
    expect(job).toMatchObject({ attemptCount: 3, response: { status: 200 } });
    expect(job.lastError).toBeUndefined();
    expect(target.requests.map(({ headers }) => headers["fieldpost-attempt"])).toEqual(["1/5", "2/5", "3/5"]);
    expect(target.requests.map(({ headers }) => headers["idempotency-key"])).toEqual([uid, uid, uid]);
    expect(target.requests.map(({ body }) => body.toString())).toEqual(["again", "again", "again"]);
    for (const [index, { endTime }] of job.attempts.slice(0, 2).entries()) {
      expect(job.attempts[index + 1]!.startTime!.getTime()).toBeGreaterThanOrEqual(endTime!.getTime() + 20);
    }
  });

  test("gives a job up at once that the target will never take, and says why", async () => {
    await using target = await startTarget(() => ({ status: 400, body: "no such field" }));
    await using relay = await startRelay();
    const { name } = await relay.client.enqueue({ job: post(target.url, "x") });
    const job = await relay.client.reached(name, JobState.JOB_STATE_FAILED);
    expect(attemptsOf(job)).toEqual([[1, "FAILED", 400, "STATUS_PERMANENT"]]);
    expect(reasonOf(job.lastError)).toBe("STATUS_PERMANENT");
    expect(job.response?.body.toString()).toBe("no such field");
    expect(job.finishTime).toBeDefined();
    expect(job.nextAttemptTime).toBeUndefined();
    expect(target.requests).toHaveLength(1);
  });

  test("gives a job up when its attempts are used up", async () => {
    await using target = await startTarget(() => 500);
    await using relay = await startRelay();
    const { name } = await relay.client.enqueue({
      job: { ...post(target.url), retryPolicy: soon, maxAttempts: 3 },
    });
    const job = await relay.client.reached(name, JobState.JOB_STATE_FAILED);
    expect(job.attempts.map(({ httpStatus }) => httpStatus)).toEqual([500, 500, 500]);
    expect(target.requests).toHaveLength(3);
  });

  test("sends a job when nobody listens yet, as soon as somebody does", async () => {
    const { port } = await using_(startTarget());
    await using relay = await startRelay();
    const { name } = await relay.client.enqueue({
      job: { ...post(`http://127.0.0.1:${port}/`), retryPolicy: soon, maxAttempts: 1000 },
    });
    await relay.client.reached(name, JobState.JOB_STATE_RETRYING);
    await using target = await startTarget(() => 204, port);
    await target.received(1);
    const job = await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    expect(attemptsOf(job)[0]).toEqual([1, "NOT_SENT", 0, "CONN_REFUSED"]);
  });

  test("sends headers, parameters and methods as they were asked for", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const headers = [
      { name: "X-Twice", value: "1" },
      { name: "X-Twice", value: "2" },
      { name: "X-Latin", value: "é" },
      { name: "User-Agent", value: "mine" },
    ];
    const jobs = [
      { method: "PUT", url: `${target.url}/put`, headers, body: Buffer.from([0, 255, 10]) },
      { method: "GET", url: `${target.url}/get?a=1`, parameters: new Map([["b", "x y"]]) },
      { url: `${target.url}/form`, parameters: new Map([["b", "x y"]]) },
    ];
    for (const http of jobs) {
      const { name } = await relay.client.enqueue({ job: { target: { $case: "http", http } } });
      await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    }
    const [put, get, form] = target.requests;
    expect(put).toMatchObject({ method: "PUT", url: "/put" });
    expect([...put!.body]).toEqual([0, 255, 10]);
    const raw = put!.rawHeaders;
    const values = (name: string): string[] =>
      raw.filter((_, index) => index % 2 === 1 && raw[index - 1] === name);
    expect(values("X-Twice")).toEqual(["1", "2"]);
    expect(values("X-Latin")).toEqual(["é"]);
    expect(values("User-Agent")).toEqual(["mine"]);
    expect(get).toMatchObject({ method: "GET", url: "/get?a=1&b=x+y" });
    expect(get!.body.length).toBe(0);
    expect(form).toMatchObject({ method: "POST", url: "/form" });
    expect(form!.body.toString()).toBe("b=x+y");
    expect(form!.headers["content-type"]).toBe("application/x-www-form-urlencoded");
  });
});

async function using_<T extends AsyncDisposable>(opened: Promise<T>): Promise<T> {
  await using kept = await opened;
  return kept;
}

describe("time", () => {
  test("a job is not sent before its schedule_time, and soon after it", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const scheduleTime = new Date(Date.now() + 1500);
    const { name, state } = await relay.client.enqueue({ job: { ...post(target.url), scheduleTime } });
    expect(state).toBe(JobState.JOB_STATE_SCHEDULED);
    const [request] = await target.received(1);
    const late = request!.time - scheduleTime.getTime();
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(1000);
    const job = await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    expect(job.scheduleTime).toEqual(scheduleTime);
    expect(job.attempts[0]!.startTime!.getTime()).toBeGreaterThanOrEqual(scheduleTime.getTime());
  });

  test("a job whose turn does not come before its expire_time is EXPIRED and never sent", async () => {
    await using target = await startTarget((request) => (request.url === "/slow" ? undefined : 200));
    await using relay = await startRelay({ workers: 1, args: ["--parallel-sends", "1"] });
    const slow = await relay.client.enqueue({ job: post(`${target.url}/slow`) });
    const [request] = await target.received(1);
    const expireTime = new Date(Date.now() + 300);
    const late = await relay.client.enqueue({ job: { ...post(`${target.url}/late`), expireTime } });
    expect(late.state).toBe(JobState.JOB_STATE_QUEUED);
    const after = await relay.client.enqueue({ job: post(`${target.url}/after`) });
    await new Promise((resolve) => void setTimeout(resolve, expireTime.getTime() - Date.now() + 5));
    request!.answer(200);
    const job = await relay.client.reached(late.name, JobState.JOB_STATE_EXPIRED);
    expect(job).toMatchObject({ attemptCount: 0, attempts: [] });
    expect(job.finishTime!.getTime()).toBeGreaterThanOrEqual(expireTime.getTime());
    await relay.client.reached(slow.name, JobState.JOB_STATE_SUCCEEDED);
    await relay.client.reached(after.name, JobState.JOB_STATE_SUCCEEDED);
    expect(target.requests.map(({ url }) => url)).toEqual(["/slow", "/after"]);
  });

  test("of the jobs that wait, the one with the higher priority is sent first", async () => {
    await using target = await startTarget((request) => (request.url === "/slow" ? undefined : 200));
    await using relay = await startRelay({ workers: 1, args: ["--parallel-sends", "1"] });
    await relay.client.enqueue({ job: post(`${target.url}/slow`) });
    const [request] = await target.received(1);
    for (const priority of [0, 9, 5]) {
      await relay.client.enqueue({ job: { ...post(`${target.url}/${priority}`), priority } });
    }
    request!.answer(200);
    const requests = await target.received(4);
    expect(requests.map(({ url }) => url)).toEqual(["/slow", "/9", "/5", "/0"]);
  });

  test("an attempt that takes longer than its timeout is cut, and what the target did is unknown", async () => {
    await using target = await startTarget((_, index) => (index === 0 ? undefined : 200));
    await using relay = await startRelay();
    const { name } = await relay.client.enqueue({
      job: { ...post(target.url), retryPolicy: soon, attemptTimeout: { seconds: 0n, nanos: 300_000_000 } },
    });
    const [request] = await target.received(1);
    expect(await request!.ended).toBe("closed");
    const job = await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    expect(attemptsOf(job)).toEqual([
      [1, "OUTCOME_UNKNOWN", 0, "TOTAL_TIMEOUT"],
      [2, "SUCCEEDED", 200, undefined],
    ]);
  });
});

describe("cancel", () => {
  test("keeps a job that waits from ever being sent", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const scheduleTime = new Date(Date.now() + 700);
    const { name } = await relay.client.enqueue({ job: { ...post(`${target.url}/no`), scheduleTime } });
    const job = await relay.client.cancelJob({ name });
    expect(job.state).toBe(JobState.JOB_STATE_CANCELLED);
    await relay.client.enqueue({
      job: { ...post(`${target.url}/yes`), scheduleTime: new Date(Date.now() + 1000) },
    });
    await target.received(1);
    expect(target.requests.map(({ url }) => url)).toEqual(["/yes"]);
    expect(await relay.client.cancelJob({ name })).toEqual(job);
  });

  test.each(["the worker that sends it", "the other worker"])(
    "closes the connection of a job that is being sent, when %s is asked, and nothing more is sent for it",
    async (asked) => {
      await using target = await startTarget((request) => (request.url === "/hangs" ? undefined : 200));
      await using relay = await startRelay();
      await using each = await clientOfEachWorker(relay);
      const [sending, other] = each.clients;
      const { name } = await sending!.enqueue({
        job: { ...post(`${target.url}/hangs`), retryPolicy: soon },
      });
      const [request] = await target.received(1);
      const canceller = asked === "the other worker" ? other! : sending!;
      expect((await canceller.cancelJob({ name })).state).toBe(JobState.JOB_STATE_CANCELLED);
      expect(await request!.ended).toBe("closed");
      for (const client of each.clients) {
        const next = await client.enqueue({ job: post(`${target.url}/next`) });
        await client.reached(next.name, JobState.JOB_STATE_SUCCEEDED);
      }
      expect(target.requests.filter(({ url }) => url === "/hangs")).toHaveLength(1);
      expect((await other!.getJob({ name })).state).toBe(JobState.JOB_STATE_CANCELLED);
    },
  );

  test("refuses a job that has ended", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const { name } = await relay.client.enqueue({ job: post(target.url) });
    await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    await expect(relay.client.cancelJob({ name })).rejects.toMatchObject({ code: 9 });
  });
});

describe("a trace", () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  test.each([
    ["traceparent", `00-${traceId}-b7ad6b7169203331-01`],
    ["uber-trace-id", `${traceId}:b7ad6b7169203331:0:1`],
  ])(
    "that the caller brings as %s reaches the target and stays with the job, although the relay traces nothing",
    async (key, value) => {
      await using target = await startTarget();
      await using relay = await startRelay();
      const { name, traceContext } = await relay.client.enqueue(
        { job: post(target.url) },
        { metadata: { [key]: value, tracestate: "vendor=value" } },
      );
      const [request] = await target.received(1);
      expect(request!.headers["traceparent"]).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
      expect(traceContext?.traceparent).toContain(traceId);
      const job = await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
      expect(job.traceContext).toEqual(traceContext);
      if (key === "traceparent") {
        expect(request!.headers["tracestate"]).toBe("vendor=value");
        expect(job.traceContext?.tracestate).toBe("vendor=value");
      }
    },
  );

  test("that nobody brought is none", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const { traceContext } = await relay.client.enqueue({ job: post(target.url) });
    expect(traceContext).toBeUndefined();
    const [request] = await target.received(1);
    expect(request!.headers["traceparent"]).toBeUndefined();
  });
});
