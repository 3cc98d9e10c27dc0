/**
 * `fieldpost enqueue --file`: any number of requests in constant memory. The file is read only as fast as calls come
 * back: at most so many are under way, and they hold at most {@link maxBytesUnderWay}.
 */
import { setMaxListeners } from "node:events";
import { createReadStream, fstatSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { Job, JobState } from "../gen/fieldpost/v1/job.ts";
import { exitFailed, exitOk, UsageError } from "./client-command.ts";
import type { Relay } from "./client.ts";
import { enqueueWithRetry } from "./enqueue-retry.ts";
import { newJobId } from "./job-id.ts";
import { bytesOfMessage, JsonError, messageOfJson } from "./json.ts";
import { linesOf, maxLineBytes, type Line } from "./lines.ts";
import { onClosedPipe } from "./pipes.ts";
import { startProgress, summarize } from "./progress.ts";
import { summarizeRpcError, type RpcError } from "./rpc-error.ts";
import { createSlots } from "./slots.ts";

export interface EnqueueFileOptions {
  /** `-` for stdin. */
  readonly path: string;
  readonly concurrency: number;
  readonly retryForMs: number;
  /** One line of JSON for each job on stdout. */
  readonly json: boolean;
}

/** Of requests, as they stand in the file. One request alone may hold more. */
const maxBytesUnderWay = 64 * 1024 * 1024;
/** As shells have it for a process that SIGINT ended. */
const exitInterrupted = 130;
const requestName = "fieldpost.v1.EnqueueRequest";

/** Answers the exit code: 0 if every line is handed over, 1 if any is not, 130 if it was interrupted. */
export async function enqueueFile(relay: Relay, options: EnqueueFileOptions): Promise<number> {
  const { input, totalBytes } = await openInput(options.path);
  const counts = { done: 0, failed: 0, bytes: 0, note: "" };
  const start = performance.now();
  const progress = startProgress({ stream: process.stderr, totalBytes, read: () => counts });
  const stop = new AbortController();
  // Every call that waits for its next try listens.
  setMaxListeners(0, stop.signal);
  const signals = stopOnSignals(stop, () => input.destroy());
  const slots = createSlots(options.concurrency, maxBytesUnderWay);
  let warned = false;
  let lastLine = 0;
  let unread = false;

  function print(value: { readonly line: number; readonly [key: string]: unknown }): void {
    if (options.json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }
  function fail(line: number, error: string): void {
    counts.failed += 1;
    progress.print(`line ${line}: ${error}`);
    print({ line, error });
  }
  function succeed(line: number, id: string, answer: Buffer | undefined): void {
    counts.done += 1;
    counts.note = "";
    if (!options.json) return;
    const job = answer === undefined ? undefined : Job.decode(answer);
    // Where the answer got lost, the state is not known: it may have been sent long since.
    print({
      line,
      name: job?.name ?? `jobs/${id}`,
      ...(job === undefined ? {} : { state: stateName(job.state) }),
    });
  }
  function onRetry(error: RpcError): void {
    counts.note = `waiting for the relay: ${error.code}`;
    if (warned) return;
    warned = true;
    progress.print(
      `the relay at ${relay.address} refuses for now, trying again: ${summarizeRpcError(error)}`,
    );
  }
  function onReadError(error: Error): void {
    unread = true;
    progress.print(`${options.path} cannot be read after line ${lastLine}: ${error.message}`);
  }
  async function send({ number }: Line, { id, bytes }: Request): Promise<void> {
    const sent = await enqueueWithRetry(relay, bytes, { ...options, stop: stop.signal, onRetry });
    if (sent.kind === "stored") succeed(number, id, sent.job);
    else fail(number, summarizeRpcError(sent.error));
  }

  try {
    for await (const line of untilStopped(linesOf(input), stop.signal, onReadError)) {
      const request = requestOf(line);
      if (typeof request === "string") fail(line.number, request);
      else if (request !== undefined) {
        const size = line.bytes!.length;
        await slots.take(size);
        if (stop.signal.aborted) {
          slots.give(size);
          break;
        }
        void send(line, request).then(
          () => slots.give(size),
          (error: unknown) => slots.break(error),
        );
      }
      lastLine = line.number;
      counts.bytes = line.end;
    }
    await slots.idle();
  } finally {
    signals.release();
    progress.stop();
  }
  const interrupted = stop.signal.aborted;
  if (interrupted) progress.print(`stopped after line ${lastLine}`);
  progress.print(summarize(counts, performance.now() - start));
  if (interrupted) return exitInterrupted;
  return counts.failed === 0 && !unread ? exitOk : exitFailed;
}

async function openInput(path: string): Promise<{ input: Readable; totalBytes: number | undefined }> {
  if (path === "-") {
    const stdin = fstatSync(0);
    return { input: process.stdin, totalBytes: stdin.isFile() ? stdin.size : undefined };
  }
  try {
    const file = await open(path);
    const stat = await file.stat();
    if (stat.isDirectory()) throw new Error("is a directory");
    const input = createReadStream(path, { fd: file, highWaterMark: 256 * 1024 });
    return { input, totalBytes: stat.isFile() ? stat.size : undefined };
  } catch (error) {
    throw new UsageError(`flag --file: ${JSON.stringify(path)} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

interface Request {
  readonly id: string;
  readonly bytes: Uint8Array;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The request of a line; a string that says what is wrong with it; undefined for an empty line. */
function requestOf({ bytes }: Line): Request | string | undefined {
  if (bytes === undefined) return `longer than ${maxLineBytes} bytes`;
  try {
    const text = utf8.decode(bytes);
    if (text.trim() === "") return undefined;
    const message = messageOfJson(requestName, text);
    message["jobId"] ||= newJobId();
    return { id: message["jobId"] as string, bytes: bytesOfMessage(requestName, message) };
  } catch (error) {
    if (error instanceof JsonError) return error.message;
    if (error instanceof TypeError) return "not UTF-8";
    throw error;
  }
}

function stateName(state: JobState): string {
  return Object.entries(JobState).find(([, value]) => value === state)?.[0] ?? "JOB_STATE_UNSPECIFIED";
}

/** Ends when it is stopped, though the stream that feeds it was torn away in the middle of a read. */
async function* untilStopped(
  lines: AsyncIterable<Line>,
  stop: AbortSignal,
  onError: (error: Error) => void,
): AsyncGenerator<Line> {
  try {
    for await (const line of lines) {
      if (stop.aborted) return;
      yield line;
    }
  } catch (error) {
    if (!stop.aborted) onError(error as Error);
  }
}

/** The first signal (or the reader of our output gone) stops reading; a second one ends the process at once. */
function stopOnSignals(stop: AbortController, tearInput: () => void): { release(): void } {
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(exitInterrupted);
    onStop();
  };
  const onStop = (): void => {
    stop.abort();
    tearInput();
  };
  onClosedPipe(onStop);
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    release() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
