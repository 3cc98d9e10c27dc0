/** `fieldpost enqueue`: hands over one request, built from flags, or a file of them. */
import type { Command } from "commander";
import { count, duration } from "../config/values.ts";
import { addClientOptions, exitOk, UsageError, withRelay } from "./client-command.ts";
import type { RequestFlags } from "./enqueue-request.ts";
import { parseFlag } from "./parse-flag.ts";

interface FileFlags {
  file?: string;
  concurrency?: string;
  channels?: string;
  retry: boolean;
  retryFor?: string;
  json?: true;
}

/** Flags that build the one request, and those that go with a file. By commander's names. */
const requestFlags: readonly (keyof RequestFlags)[] = [
  ...(["method", "header", "data", "id", "at", "delay", "maxAttempts", "timeout", "label"] as const),
];
const fileFlags = ["concurrency", "channels", "retryFor"] as const;

export function defineEnqueue(command: Command): void {
  command
    .argument("[url]", "where the request goes")
    .optionsGroup("The request:")
    .option("-X, --method <method>", "HTTP method (default: POST with a body, GET without one)")
    .option("-H, --header <header>", "'Name: value'; may be repeated", collect)
    .option("-d, --data <body>", "the body; @FILE reads it from a file as it is, @- from stdin")
    .option("--id <id>", "the job's id (default: the relay makes one)")
    .option("--at <time>", "not before this time, such as 2027-01-31T08:00:00Z")
    .option("--delay <duration>", "not before so much time has passed, such as 10s")
    .option("--max-attempts <N>", "how often it is tried at the most")
    .option("--timeout <duration>", "time for one attempt")
    .option("--label <key=value>", "a label of your own; may be repeated", collect)
    .optionsGroup("Many requests:")
    .option("--file <path>", "a file with one EnqueueRequest a line as JSON; - for stdin")
    .option("--concurrency <N>", "calls under way at the same time (default: 256)")
    .option("--channels <N>", "connections that share them (default: 4)")
    .option(
      "--retry-for <duration>",
      "how long one request is tried while the relay is away or full (default: 5m)",
    )
    .option("--no-retry", "report a request as failed at once")
    .optionsGroup("Options:")
    .option("--json", "print the job, or one line for each job of a file, as JSON");
  addClientOptions(command);
  command.addHelpText(
    "after",
    `
A line of a file: {"job":{"http":{"method":"POST","url":"https://…","body":"<base64>"}},"jobId":"…"}
A line without jobId is given one, so that it can be sent again safely. Bad lines are reported on stderr and
the rest goes on. Exit code: 0 if all is handed over, 1 if anything failed, 130 if interrupted.`,
  );
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

export async function runEnqueue(command: Command): Promise<number> {
  const [url] = command.args;
  const flags = command.opts<RequestFlags & FileFlags>();
  if ((url === undefined) === (flags.file === undefined)) {
    throw new UsageError("enqueue takes a URL or --file, one of them");
  }
  if (url !== undefined) {
    refuse(command, fileFlags, "goes with --file");
    return enqueueOne(command, url, flags);
  }
  refuse(command, requestFlags, "does not go with --file: each line says it itself");
  return enqueueAll(command, flags);
}

function refuse(command: Command, names: readonly string[], why: string): void {
  for (const name of names) {
    if (command.getOptionValueSource(name) !== "cli") continue;
    const option = command.options.find((candidate) => candidate.attributeName() === name);
    throw new UsageError(`flag ${option?.long ?? name} ${why}`);
  }
}

async function enqueueOne(command: Command, url: string, flags: RequestFlags & FileFlags): Promise<number> {
  const [{ createEnqueueRequest }, { jsonOfBytes }, { Job }] = await Promise.all([
    import("./enqueue-request.ts"),
    import("./json.ts"),
    import("../gen/fieldpost/v1/job.ts"),
  ]);
  const request = await createEnqueueRequest(url, flags);
  return withRelay(command, async (relay) => {
    const job = await relay.call("Enqueue", request);
    const text =
      flags.json === true ? JSON.stringify(jsonOfBytes("fieldpost.v1.Job", job)) : Job.decode(job).name;
    process.stdout.write(`${text}\n`);
    return exitOk;
  });
}

async function enqueueAll(command: Command, flags: FileFlags): Promise<number> {
  const concurrency = parseFlag("--concurrency", flags.concurrency, count(1, 65_536)) ?? 256;
  const channels = parseFlag("--channels", flags.channels, count(1, 256)) ?? 4;
  const retryForMs = parseFlag("--retry-for", flags.retryFor, duration("0s", "7d")) ?? 300_000;
  const { enqueueFile } = await import("./enqueue-file.ts");
  return withRelay(
    command,
    (relay) =>
      enqueueFile(relay, {
        path: flags.file!,
        concurrency,
        retryForMs: flags.retry ? retryForMs : 0,
        json: flags.json === true,
      }),
    Math.min(channels, concurrency),
  );
}
