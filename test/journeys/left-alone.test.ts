/** A target that asks to be left alone for years, and the way out that the documentation shows. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

const hasSqlite = spawnSync("sqlite3", ["-version"]).status === 0;
if (!hasSqlite)
  process.stdout.write(
    "skipped: the way out for a target that asks to be left alone: there is no sqlite3 on the PATH\n",
  );

const readme = readFileSync(new URL("../../server/README.md", import.meta.url), "utf8");

test.skipIf(!hasSqlite)(
  "a target that once asked for years is called again at once after what the documentation says",
  async () => {
    let isWell = false;
    await using target = await startTarget(() =>
      isWell ? 200 : { status: 503, headers: { "retry-after": "99999999999" } },
    );
    await using relay = await startRelay({ workers: 2 });
    const { client } = relay;
    const first = await client.enqueue({ job: post(target.url) });
    await client.reached(first.name, JobState.JOB_STATE_RETRYING);
    const waiting = await client.enqueue({ job: post(target.url) });
    await expect
      .poll(async () => (await client.getJob({ name: waiting.name })).nextAttemptTime!.getUTCFullYear())
      .toBeGreaterThan(5000);
    const expiring = await client.enqueue({
      job: { ...post(target.url), expireTime: new Date(Date.now() + 3_600_000) },
    });
    await expect
      .poll(async () => (await client.getJob({ name: expiring.name })).nextAttemptTime)
      .toEqual(expiring.expireTime);

    isWell = true;
    const [, commands] = /### A target that asks to be left alone[^]*?```sh\n([^]*?)```/.exec(readme)!;
    const script = commands!.replace("https://api.example.com", new URL(target.url).origin);
    execFileSync("sh", ["-ec", script], { cwd: relay.dir });
    for (const { name } of [first, waiting, expiring])
      await client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    const next = await client.enqueue({ job: post(target.url) });
    await client.reached(next.name, JobState.JOB_STATE_SUCCEEDED);
    expect(target.requests).toHaveLength(5);
  },
);
