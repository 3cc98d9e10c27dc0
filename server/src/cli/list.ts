/** `fieldpost list`: pages through the jobs, and prints each page as it comes. */
import type { Command } from "commander";
import { count } from "../config/values.ts";
import { addClientOptions, exitOk, UsageError, withRelay } from "./client-command.ts";
import type { JsonValue } from "@bufbuild/protobuf";
import type { Relay } from "./client.ts";
import { pathsOf } from "./mask.ts";
import { parseFlag } from "./parse-flag.ts";

/** The server's own limit of a page. */
const maxPageSize = 1000;

export function defineList(command: Command): void {
  command
    .option("--filter <text>", "only jobs that match: 'state = FAILED AND labels.team = post'")
    .option("--mask <paths>", "only these fields: name,state,response.status")
    .option("--limit <N>", "at most so many jobs (default: 50)")
    .option("--all", "all jobs")
    .option("--page-size <N>", "jobs in one call (default: as many as are wanted, at most 1,000)")
    .option("--json", "print one job a line as JSON");
  addClientOptions(command);
}

interface ListFlags {
  filter?: string;
  mask?: string;
  limit?: string;
  all?: true;
  pageSize?: string;
  json?: true;
}

export async function runList(command: Command): Promise<number> {
  const flags = command.opts<ListFlags>();
  if (flags.all === true && flags.limit !== undefined)
    throw new UsageError("flags --all and --limit exclude each other");
  const limit =
    flags.all === true
      ? Infinity
      : (parseFlag("--limit", flags.limit, count(1, Number.MAX_SAFE_INTEGER)) ?? 50);
  const pageSize = parseFlag("--page-size", flags.pageSize, count(1, maxPageSize)) ?? maxPageSize;
  const { filter = "" } = flags;
  const readMask = pathsOf(flags.mask);
  const { createJobTable } = await import("./job-text.ts");
  const table = createJobTable(readMask);
  return withRelay(command, async (relay) => {
    for await (const jobs of pages(relay, { filter, limit, pageSize, readMask })) {
      if (jobs.length === 0) continue;
      const text = flags.json === true ? jobs.map((job) => `${JSON.stringify(job)}\n`).join("") : table(jobs);
      process.stdout.write(text);
    }
    return exitOk;
  });
}

interface Listing {
  readonly filter: string;
  readonly limit: number;
  readonly pageSize: number;
  readonly readMask: string[] | undefined;
}

async function* pages(relay: Relay, { filter, limit, pageSize, readMask }: Listing) {
  const [{ ListJobsRequest, ListJobsResponse }, { jsonOfBytes }] = await Promise.all([
    import("../gen/fieldpost/v1/relay.ts"),
    import("./json.ts"),
  ]);
  let left = limit;
  let pageToken = "";
  do {
    const request = {
      filter,
      orderBy: "",
      pageSize: Math.min(pageSize, left),
      pageToken,
      readMask,
    };
    const response = await relay.call("ListJobs", ListJobsRequest.encode(request).finish());
    const value = jsonOfBytes("fieldpost.v1.ListJobsResponse", response) as { jobs?: JsonValue[] };
    const jobs = (value.jobs ?? []).slice(0, left);
    yield jobs;
    left -= jobs.length;
    const next = ListJobsResponse.decode(response).nextPageToken;
    if (next === pageToken && next !== "") throw new Error(`the relay answered the page token ${next} twice`);
    pageToken = next;
  } while (pageToken !== "" && left > 0);
}
