/** Replacing the workers of a relay that is in use. */
import { describe, expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { createRelayClient } from "../support/relay-client.ts";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { attemptsOf, post } from "./setting.ts";

/** Calls during the replacements, each on a channel of its own; 15,000 is what the issue asks for. */
const calls = Number(process.env["FIELDPOST_RELOAD_CALLS"] ?? 200);

describe("a reload of the relay (SIGUSR2)", () => {
  test("fails no call, delivers every job once, and ends every old worker", async () => {
    await using target = await startTarget();
    await using relay = await startRelay({ workers: 2 });
    const before = relay.workerPids();
    const failures: unknown[] = [];
    const names: string[] = [];
    let reloads = 0;
    let calling = true;
    const clients = Array.from({ length: 8 }, async () => {
      while (calling) {
        const client = createRelayClient(relay.grpcAddress);
        await client.enqueue({ job: post(target.url) }).then(
          ({ name }) => names.push(name),
          (error: unknown) => failures.push(error),
        );
        client.close();
      }
    });
    do {
      const seen = relay.lines.length;
      relay.signal("SIGUSR2");
      const answer = await relay.line("reloaded", (line) => relay.lines.indexOf(line) >= seen);
      expect(answer).toMatchObject({ replaced: 2 });
      reloads++;
    } while (names.length < calls);
    calling = false;
    await Promise.all(clients);
    expect(failures).toEqual([]);

    for (const name of names) {
      const job = await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
      expect(attemptsOf(job)).toEqual([[1, "SUCCEEDED", 200, undefined]]);
    }
    expect(target.requests).toHaveLength(names.length);
    expect(relay.workerPids().filter((pid) => before.includes(pid))).toEqual([]);
    expect(relay.lines.filter(({ msg }) => msg === "worker died")).toEqual([]);
    if (process.env["FIELDPOST_RELOAD_CALLS"]) {
      process.stdout.write(`${names.length} calls over ${reloads * 2} replacements: 0 failed\n`);
    }
  }, 600_000);
});
