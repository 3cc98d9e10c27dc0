/** `fieldpost cancel`, `retry` and `delete`: one job by its name, or all that match a filter. */
import type { Command } from "commander";
import { addClientOptions, exitOk, UsageError, withRelay } from "./client-command.ts";

/** What is done, and by which RPCs. */
interface Change {
  readonly one: "CancelJob" | "RetryJob" | "DeleteJob";
  readonly all: "BulkCancelJobs" | "BulkRetryJobs" | "PurgeJobs";
  /** `12 jobs cancelled` */
  readonly done: string;
  readonly dryRun: string;
}

const cancel: Change = {
  one: "CancelJob",
  all: "BulkCancelJobs",
  done: "cancelled",
  dryRun: "would be cancelled",
};
const retry: Change = {
  one: "RetryJob",
  all: "BulkRetryJobs",
  done: "begun anew",
  dryRun: "would begin anew",
};
const remove: Change = {
  one: "DeleteJob",
  all: "PurgeJobs",
  done: "deleted",
  dryRun: "would be deleted",
};

interface Flags {
  filter?: string;
  dryRun?: true;
  etag?: string;
  json?: true;
}

/** Of all three. */
export function defineChange(command: Command): void {
  command
    .argument("[name]", "jobs/{id}, or the id alone")
    .option("--filter <text>", "all jobs that match, instead of one: 'state = FAILED'; * is all")
    .option("--dry-run", "with --filter: only count them")
    .option("--etag <etag>", "only if the job has this etag")
    .option("--json", "print the answer as JSON");
  addClientOptions(command);
}

export function runCancel(command: Command): Promise<number> {
  return run(command, cancel);
}

export function runRetry(command: Command): Promise<number> {
  return run(command, retry);
}

export function runDelete(command: Command): Promise<number> {
  return run(command, remove);
}

async function run(command: Command, change: Change): Promise<number> {
  const [name] = command.args;
  const { filter, dryRun = false, etag = "", json = false } = command.opts<Flags>();
  if ((name === undefined) === (filter === undefined)) {
    throw new UsageError("wants the name of a job, or --filter");
  }
  if (filter === undefined && dryRun) throw new UsageError("flag --dry-run goes with --filter");
  if (filter !== undefined && etag !== "")
    throw new UsageError("flags --etag and --filter exclude each other");
  return filter === undefined
    ? changeOne(command, change, { name: name!, etag, json })
    : changeAll(command, change, { filter, validateOnly: dryRun, json });
}

async function changeOne(
  command: Command,
  change: Change,
  { name, etag, json }: { readonly name: string; readonly etag: string; readonly json: boolean },
): Promise<number> {
  const [{ CancelJobRequest }, { jsonOfBytes }, { describeJob }] = await Promise.all([
    import("../gen/fieldpost/v1/relay.ts"),
    import("./json.ts"),
    import("./job-text.ts"),
  ]);
  // RetryJobRequest and DeleteJobRequest have the same fields.
  const request = { name: name.startsWith("jobs/") ? name : `jobs/${name}`, etag };
  return withRelay(command, async (relay) => {
    const job = await relay.call(change.one, CancelJobRequest.encode(request).finish());
    if (change.one === "DeleteJob") {
      process.stdout.write(json ? "{}\n" : `${request.name} deleted\n`);
      return exitOk;
    }
    const value = jsonOfBytes("fieldpost.v1.Job", job);
    process.stdout.write(json ? `${JSON.stringify(value)}\n` : describeJob(value));
    return exitOk;
  });
}

async function changeAll(
  command: Command,
  change: Change,
  request: { readonly filter: string; readonly validateOnly: boolean; readonly json: boolean },
): Promise<number> {
  const { BulkCancelJobsRequest, BulkCancelJobsResponse } = await import("../gen/fieldpost/v1/relay.ts");
  return withRelay(command, async (relay) => {
    // BulkRetryJobs and PurgeJobs have messages of the same fields.
    const answer = await relay.call(change.all, BulkCancelJobsRequest.encode(request).finish());
    const count = String(BulkCancelJobsResponse.decode(answer).count);
    const text = `${count} ${count === "1" ? "job" : "jobs"} ${request.validateOnly ? change.dryRun : change.done}`;
    process.stdout.write(`${request.json ? JSON.stringify({ count }) : text}\n`);
    return exitOk;
  });
}
