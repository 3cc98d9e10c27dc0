/** `kill -9`, of one worker and of everything: what was acknowledged is delivered. */
import { describe, expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { createRelayClient } from "../support/relay-client.ts";
import { makeFolder, startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { rmSync } from "node:fs";
import { attemptsOf, clientOfEachWorker, post, soon } from "./setting.ts";

describe("kill -9 of a worker", () => {
  test("that is sending: its attempt is unknown, and the job is delivered at once, not when the lease ends", async () => {
    await using target = await startTarget((_, index) => (index === 0 ? undefined : 200));
    await using relay = await startRelay();
    await using each = await clientOfEachWorker(relay);
    const [doomed] = relay.workerPids();
    const [doomedName] = relay.workerNames();
    const { name } = await each.clients[0]!.enqueue({ job: post(target.url, "once more") });
    const [first] = await target.received(1);
    const killTime = Date.now();
    process.kill(doomed!, "SIGKILL");
    const [, second] = await target.received(2);
    expect(second!.time - killTime).toBeLessThan(5000);
    expect(await first!.ended).toBe("closed");
    const job = await each.clients[1]!.reached(name, JobState.JOB_STATE_SUCCEEDED);
    expect(attemptsOf(job)).toEqual([
      [1, "OUTCOME_UNKNOWN", 0, "WORKER_LOST"],
      [2, "SUCCEEDED", 200, undefined],
    ]);
    expect(job.attempts[0]!.worker).toBe(doomedName);
    expect(job.attempts[1]!.worker).not.toBe(doomedName);
    expect(target.requests.map(({ headers }) => headers["fieldpost-attempt"])).toEqual(["1/10", "2/10"]);
    expect(second!.headers["idempotency-key"]).toBe(first!.headers["idempotency-key"]);
    // A successor takes the slot.
    await relay.line("worker is ready", (line) => line["slot"] === 0 && line["generation"] === 2);
    expect(await relay.stop()).toBe(0);
  });

  test("whose job had one attempt: it FAILED, and is not sent again", async () => {
    await using target = await startTarget(() => undefined);
    await using relay = await startRelay();
    await using each = await clientOfEachWorker(relay);
    const { name } = await each.clients[0]!.enqueue({ job: { ...post(target.url), maxAttempts: 1 } });
    await target.received(1);
    process.kill(relay.workerPids()[0]!, "SIGKILL");
    const job = await each.clients[1]!.reached(name, JobState.JOB_STATE_FAILED);
    expect(attemptsOf(job)).toEqual([[1, "OUTCOME_UNKNOWN", 0, "WORKER_LOST"]]);
    expect(target.requests).toHaveLength(1);
  });

  test("again and again, while jobs come: each acknowledged one is delivered", async () => {
    await using target = await startTarget();
    await using relay = await startRelay();
    const acknowledged = new Set<string>();
    let stop = false;
    const callers = Array.from({ length: 4 }, async (_, caller) => {
      let client = createRelayClient(relay.grpcAddress);
      for (let index = 0; !stop; index++) {
        const jobId = `c${caller}-${index}`;
        try {
          await client.enqueue({ jobId, job: { ...post(`${target.url}/${jobId}`), retryPolicy: soon } });
          acknowledged.add(jobId);
        } catch {
          client.close();
          client = createRelayClient(relay.grpcAddress);
        }
      }
      client.close();
    });
    for (const kill of [0, 1, 0]) {
      const before = acknowledged.size;
      const generation = relay.lines.filter(
        (line) => line.msg === "worker is ready" && line["slot"] === kill,
      ).length;
      await target.received(target.requests.length + 50);
      process.kill(relay.workerPids()[kill]!, "SIGKILL");
      await relay.line(
        "worker is ready",
        (line) => line["slot"] === kill && Number(line["generation"]) > generation,
      );
      expect(acknowledged.size).toBeGreaterThanOrEqual(before);
    }
    stop = true;
    await Promise.all(callers);
    for (const jobId of acknowledged)
      await relay.client.reached(`jobs/${jobId}`, JobState.JOB_STATE_SUCCEEDED);
    const delivered = new Set(target.requests.map(({ url }) => url.slice(1)));
    expect([...acknowledged].filter((jobId) => !delivered.has(jobId))).toEqual([]);
    // Three new processes, one after the other, each a few seconds where the machine has other work.
  }, 60_000);
});

describe("kill -9 of everything", () => {
  test("and a new start on the same store: every acknowledged job is delivered", async () => {
    const dir = makeFolder();
    try {
      // Answers nothing until the relay is back, so that jobs are under way and waiting when it dies.
      let back = false;
      await using target = await startTarget(() => (back ? 200 : undefined));
      const acknowledged: string[] = [];
      {
        await using relay = await startRelay({ dir });
        for (let index = 0; index < 300; index++) {
          const { name } = await relay.client.enqueue({ job: post(`${target.url}/${index}`) });
          acknowledged.push(name);
        }
        await target.received(64);
        for (const pid of relay.alive()) process.kill(pid, "SIGKILL");
        await relay.gone();
      }
      back = true;
      await using relay = await startRelay({ dir });
      for (const name of acknowledged) await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
      expect(new Set(target.requests.map(({ url }) => url)).size).toBe(300);
      expect(await relay.stop()).toBe(0);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }, 60_000);
});

test("a worker that stands still for longer than the watchdog allows is replaced, and its job is sent by another", async () => {
  await using target = await startTarget((_, index) => (index === 0 ? undefined : 200));
  await using relay = await startRelay();
  await using each = await clientOfEachWorker(relay);
  const { name } = await each.clients[0]!.enqueue({ job: post(target.url) });
  await target.received(1);
  process.kill(relay.workerPids()[0]!, "SIGSTOP");
  const job = await each.clients[1]!.reached(name, JobState.JOB_STATE_SUCCEEDED);
  expect(attemptsOf(job)).toEqual([
    [1, "OUTCOME_UNKNOWN", 0, "WORKER_LOST"],
    [2, "SUCCEEDED", 200, undefined],
  ]);
  // 3 s of silence, looked at four times in that time; the lease would take 10 s.
  const waited = job.attempts[1]!.startTime!.getTime() - job.attempts[0]!.startTime!.getTime();
  expect(waited).toBeLessThan(8000);
  await relay.line("worker is ready", (line) => line["slot"] === 0 && line["generation"] === 2);
});
