/** A disk that is full, a small tmpfs in a mount namespace of the relay's own: what is refused, and what is kept. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ServiceError } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { decodeError } from "../api/setting.ts";
import { openEnqueueStream } from "../support/enqueue-stream.ts";
import { launcher, makeFolder, serveArguments, startProgram, toRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

const mayMount =
  spawnSync("unshare", ["--mount", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]).status === 0;
if (!mayMount) process.stdout.write("skipped: a full disk: this user may not mount a tmpfs\n");

const body = "x".repeat(20_000);

describe.skipIf(!mayMount)("on a full disk", () => {
  test("what does not fit is refused with its reason, what was acknowledged is kept, and all goes on when there is room", async () => {
    const dir = makeFolder();
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const disk = join(dir, "disk");
    mkdirSync(disk);
    await using target = await startTarget();
    const start = async (mount: string) => {
      const args = serveArguments({ dir: disk });
      const script = `${mount}; exec "$@"`;
      const program = startProgram("unshare", ["--mount", "sh", "-euc", script, "sh", launcher, ...args], {});
      return toRelay(program, { dir: disk, store: join(disk, "fieldpost.db"), ownsDir: false });
    };
    await using relay = await start(`mount -t tmpfs -o size=4m tmpfs ${disk}`);
    const acknowledged: string[] = [];
    const waiting = { scheduleTime: new Date(Date.now() + 3_600_000) };
    const enqueue = async (count: number) => {
      const errors: string[] = [];
      for (let i = 0; i < count; i++) {
        try {
          const { name } = await relay.client.enqueue({ job: { ...post(target.url, body), ...waiting } });
          acknowledged.push(name);
        } catch (error) {
          errors.push(decodeError(error as ServiceError).reason ?? "none");
        }
      }
      return errors;
    };
    const errors = await enqueue(400);
    expect(acknowledged.length).toBeGreaterThan(20);
    expect(errors.length).toBeGreaterThan(20);
    expect(new Set(errors)).toEqual(new Set(["STORE_DISK_FULL"]));

    // A batch that comes in pieces, and a stream.
    const requests = Array.from({ length: 250 }, (_, index) => ({
      job: { ...post(target.url, body), ...waiting },
      jobId: `batch-${index}`,
    }));
    const batch = await relay.client
      .batchEnqueue({ requests })
      .catch((error: ServiceError) => decodeError(error));
    expect(batch).toMatchObject({ reason: "STORE_DISK_FULL" });
    await expect(relay.client.getJob({ name: "jobs/batch-0" })).rejects.toThrow(/NOT_FOUND/);
    const stream = openEnqueueStream(relay.client.channel);
    stream.send(1, requests[0]);
    expect(decodeError(await stream.ended)).toMatchObject({ reason: "STORE_DISK_FULL" });
    expect(stream.answers).toEqual([]);
    for (const name of acknowledged) expect((await relay.client.getJob({ name })).name).toBe(name);
    expect(relay.lines.filter(({ msg }) => msg === "worker died")).toEqual([]);

    // There is room again: nothing is started anew.
    const inside = ["--target", String(relay.pid), "--mount"];
    execFileSync("nsenter", [...inside, "mount", "-o", "remount,size=64m", disk]);
    const { name } = await relay.client.enqueue({ job: post(target.url, "room") });
    await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    expect((await relay.client.batchEnqueue({ requests })).jobs).toHaveLength(250);
    for (const one of acknowledged) {
      const { state } = await relay.client.getJob({ name: one, readMask: ["state"] });
      expect(state).toBe(JobState.JOB_STATE_SCHEDULED);
    }
    expect(await relay.stop()).toBe(0);
  });
});
