/** `fieldpost get`: reads one job, and of it the fields that are asked for. */
import type { Command } from "commander";
import { addClientOptions, exitOk, withRelay } from "./client-command.ts";
import { pathsOf } from "./mask.ts";

export function defineGet(command: Command): void {
  command
    .argument("<name>", "jobs/{id}, or the id alone")
    .option("--mask <paths>", "only these fields: state,response.status,attempts.*.result")
    .option("--json", "print the job as JSON");
  addClientOptions(command);
}

export async function runGet(command: Command): Promise<number> {
  const [given = ""] = command.args;
  const { mask, json = false } = command.opts<{ mask?: string; json?: true }>();
  const name = given.startsWith("jobs/") ? given : `jobs/${given}`;
  const readMask = pathsOf(mask);
  const [{ GetJobRequest }, { jsonOfBytes }, { describeJob }] = await Promise.all([
    import("../gen/fieldpost/v1/relay.ts"),
    import("./json.ts"),
    import("./job-text.ts"),
  ]);
  return withRelay(command, async (relay) => {
    const job = await relay.call("GetJob", GetJobRequest.encode({ name, readMask }).finish());
    const value = jsonOfBytes("fieldpost.v1.Job", job);
    process.stdout.write(json ? `${JSON.stringify(value)}\n` : describeJob(value));
    return exitOk;
  });
}
