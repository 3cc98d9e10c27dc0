/** What a relay does when its machine has no more to give, and how it comes back by itself. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { createRelayClient } from "../support/relay-client.ts";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;
if (!hasPrlimit) process.stdout.write("skipped: too many open files: there is no prlimit on the PATH\n");

describe.skipIf(!hasPrlimit)("with too many open files", () => {
  test("a worker puts jobs off, uncounted, says why, and sends them all once it may have more", async () => {
    await using target = await startTarget(() => undefined);
    await using relay = await startRelay({ workers: 1 });
    const client = createRelayClient(relay.grpcAddress);
    // The connection is there before there are no more.
    await client.listJobs({});
    const [pid] = relay.workerPids() as [number];
    const openFiles = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
    let limit = 0;
    for (let free = 0; free < 6; limit++) if (!openFiles.has(limit)) free++;
    const [, hard] = /Max open files +\d+ +(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))!;
    const setLimit = (files: number | string): unknown =>
      execFileSync("prlimit", ["--pid", String(pid), `--nofile=${files}:${hard}`]);
    setLimit(limit);
    const jobs = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        client.enqueue({ job: { ...post(`${target.url}/${index}`), maxAttempts: 1 } }),
      ),
    );
    await target.received(1);
    await relay.line(
      "recorder: this process or machine has no descriptor or memory left for a connection; jobs are put off",
    );
    // It takes jobs and answers all the same.
    const page = await client.listJobs({ pageSize: 100 });
    expect(page.jobs).toHaveLength(30);
    expect(page.jobs.filter(({ state }) => state === JobState.JOB_STATE_FAILED)).toEqual([]);
    setLimit(hard!);
    const requests = await target.received(30);
    for (const request of requests) request.answer(200);
    for (const { name } of jobs) {
      const done = await client.reached(name, JobState.JOB_STATE_SUCCEEDED);
      expect(done.attempts.map(({ number }) => number)).toEqual([1]);
    }
    expect(target.requests).toHaveLength(30);
    client.close();
    expect(await relay.stop()).toBe(0);
  });
});
