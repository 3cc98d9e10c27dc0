/** The relay when its store stands still, or loses its file. */
import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { startRelay } from "../support/relay.ts";
import type { LogLine } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

const leaseMs = 10_000;
const heartMisses = "heart: could not renew the lease; tries again";

describe("a store", () => {
  test("that stands still for longer than a lease costs no worker its life, and no job a second attempt", async () => {
    await using target = await startTarget((_request, index) => (index === 0 ? undefined : 200));
    await using relay = await startRelay({ workers: 2 });
    const { name } = await relay.client.enqueue({ job: post(target.url, "under way") });
    const [first] = await target.received(1);
    const other = new DatabaseSync(relay.store, { timeout: 5000 });
    other.exec("BEGIN IMMEDIATE");
    const missed = (line: LogLine): boolean => Number(line["ageMs"]) > leaseMs;
    const names = new Set(relay.workerNames());
    await Promise.all(
      [...names].map((worker) => relay.line(heartMisses, (line) => missed(line) && line["name"] === worker)),
    );
    expect((await fetch(`${relay.httpUrl}/readyz`)).status).toBe(503);
    first?.answer(200);
    other.exec("ROLLBACK");
    other.close();
    const job = await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    expect(job.attempts).toHaveLength(1);
    expect(target.requests).toHaveLength(1);
    expect(relay.lines.filter(({ msg }) => msg === "worker died")).toEqual([]);
  }, 60_000);

  test("whose file is removed is noticed: the workers end, and none begins an empty store in its place", async () => {
    await using relay = await startRelay({ workers: 2 });
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${relay.store}${suffix}`);
    const died = await relay.line("worker died", (line) => Number(line["generation"]) > 1);
    expect(String(died["ending"])).toContain("exit code 1");
    expect(relay.lines.some(({ err }) => JSON.stringify(err ?? "").includes("is gone"))).toBe(true);
  });

  test("that is read by many calls at once, each with a large answer, keeps its worker alive", async () => {
    await using relay = await startRelay({ workers: 1 });
    const body = Buffer.alloc(1024 * 1024, 1);
    const scheduleTime = new Date(Date.now() + 3_600_000);
    await relay.client.enqueue({
      jobId: "large",
      job: { ...post("http://127.0.0.1:1/", "", { body }), scheduleTime },
    });
    const reads = Array.from({ length: 300 }, () => relay.client.getJob({ name: "jobs/large" }));
    const jobs = await Promise.all(reads);
    expect(jobs.every(({ target }) => target?.http.body.length === body.length)).toBe(true);
    expect(relay.lines.filter(({ msg }) => msg === "worker died")).toEqual([]);
  });
});
