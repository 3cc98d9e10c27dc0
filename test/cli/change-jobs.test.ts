import { describe, expect, onTestFinished, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "../journeys/setting.ts";
import { run } from "./fixtures/run.ts";

async function start() {
  const target = await startTarget(() => 404);
  onTestFinished(() => target.stop());
  const relay = await startRelay({ workers: 1 });
  onTestFinished(() => relay[Symbol.asyncDispose]());
  const cli = (...args: string[]) => run(args, { env: { FIELDPOST_GRPC: relay.grpcAddress } });
  return { target, relay, cli };
}

describe("fieldpost cancel, retry and delete", () => {
  test("change one job by its name, or all that match a filter", async () => {
    const { target, relay, cli } = await start();
    const scheduleTime = new Date(Date.now() + 3_600_000);
    for (const jobId of ["a", "b", "c"]) {
      await relay.client.enqueue({ jobId, job: { ...post(target.url), scheduleTime } });
    }
    const one = await cli("cancel", "a");
    expect(one).toMatchObject({ code: 0, stderr: "" });
    expect(one.stdout).toMatch(/^name +jobs\/a\n(?:.*\n)*state +CANCELLED\n/);
    expect(await cli("cancel", "--filter", "*", "--dry-run")).toMatchObject({
      code: 0,
      stdout: "2 jobs would be cancelled\n",
    });
    expect(await cli("cancel", "--filter", "name = jobs/b", "--json")).toMatchObject({
      code: 0,
      stdout: '{"count":"1"}\n',
    });
    const again = await cli("retry", "jobs/a", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ name: "jobs/a", runCount: 2 });
    await relay.client.reached("jobs/a", JobState.JOB_STATE_FAILED);
    expect(await cli("retry", "--filter", "state = FAILED OR state = CANCELLED")).toMatchObject({
      code: 0,
      stdout: "2 jobs begun anew\n",
    });
    expect(await cli("cancel", "c", "--etag", '"zz"')).toMatchObject({ code: 1, stdout: "" });
    expect(await cli("retry", "nowhere")).toMatchObject({ code: 1 });

    for (const name of ["a", "b"]) await relay.client.reached(`jobs/${name}`, JobState.JOB_STATE_FAILED);
    expect(await cli("delete", "c")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("has not ended"),
    });
    expect(await cli("delete", "a")).toMatchObject({ code: 0, stdout: "jobs/a deleted\n", stderr: "" });
    expect(await cli("delete", "a", "--json")).toMatchObject({ code: 1, stdout: "" });
    // Of those that match, only what has ended.
    expect(await cli("delete", "--filter", "*", "--dry-run")).toMatchObject({
      stdout: "1 job would be deleted\n",
    });
    expect(await cli("delete", "b", "--json")).toMatchObject({ code: 0, stdout: "{}\n" });
    expect(await cli("list", "--json")).toMatchObject({ stdout: expect.stringMatching(/jobs\/c/) });
  });

  test.each([
    [["cancel"], /wants the name of a job, or --filter/],
    [["retry", "a", "--filter", "*"], /wants the name of a job, or --filter/],
    [["cancel", "a", "--dry-run"], /--dry-run goes with --filter/],
    [["retry", "--filter", "*", "--etag", "x"], /--etag and --filter exclude each other/],
  ])("%j is wrong usage", async (args, message) => {
    const result = await run(args);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(message);
  });
});
