/** Builds the request of `fieldpost enqueue URL` from its flags. */
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { JsonObject } from "@bufbuild/protobuf";
import { count, duration } from "../config/values.ts";
import { UsageError } from "./client-command.ts";
import { bytesOfMessage, JsonError, messageOfValue } from "./json.ts";
import { parseFlag } from "./parse-flag.ts";

/** As commander names them. */
export interface RequestFlags {
  readonly method?: string;
  readonly header?: readonly string[];
  readonly data?: string;
  readonly id?: string;
  readonly at?: string;
  readonly delay?: string;
  readonly maxAttempts?: string;
  readonly timeout?: string;
  readonly label?: readonly string[];
}

/**
 * The EnqueueRequest in bytes.
 *
 * @throws UsageError where a flag is wrong; what only the relay can judge (URL, headers, id) is left to it
 */
export async function createEnqueueRequest(url: string, flags: RequestFlags): Promise<Uint8Array> {
  if (flags.at !== undefined && flags.delay !== undefined) {
    throw new UsageError("flags --at and --delay exclude each other");
  }
  const delayMs = parseFlag("--delay", flags.delay, duration("0s", "3650d"));
  const timeoutMs = parseFlag("--timeout", flags.timeout, duration("1ms", "30m"));
  const maxAttempts = parseFlag("--max-attempts", flags.maxAttempts, count(1, 1000));
  const scheduleTime =
    delayMs === undefined ? checkedTime(flags.at) : new Date(Date.now() + delayMs).toISOString();
  const body = flags.data === undefined ? undefined : await bodyOf(flags.data);
  const job = defined({
    http: defined({
      url,
      method: flags.method,
      headers: (flags.header ?? []).map(headerOf),
      body: body?.toString("base64"),
    }),
    scheduleTime,
    maxAttempts,
    attemptTimeout: timeoutMs === undefined ? undefined : `${timeoutMs / 1000}s`,
    labels: Object.fromEntries((flags.label ?? []).map(labelOf)),
  });
  const name = "fieldpost.v1.EnqueueRequest";
  return bytesOfMessage(name, messageOfValue(name, defined({ job, jobId: flags.id })));
}

function defined(fields: { [name: string]: JsonObject[string] | undefined }): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as JsonObject;
}

function checkedTime(at: string | undefined): string | undefined {
  if (at === undefined) return undefined;
  try {
    messageOfValue("fieldpost.v1.Job", { scheduleTime: at });
    return at;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new UsageError(
      `flag --at: ${JSON.stringify(at)} is not a time such as 2027-01-31T08:00:00Z (RFC 3339)`,
      { cause: error },
    );
  }
}

async function bodyOf(data: string): Promise<Buffer> {
  if (!data.startsWith("@")) return Buffer.from(data);
  const path = data.slice(1);
  if (path === "-") return buffer(process.stdin);
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(`flag --data: ${JSON.stringify(path)} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function headerOf(text: string): JsonObject {
  const colon = text.indexOf(":");
  if (colon < 1) throw new UsageError(`flag --header: ${JSON.stringify(text)} is not 'Name: value'`);
  return { name: text.slice(0, colon).trim(), value: text.slice(colon + 1).trim() };
}

function labelOf(text: string): [string, string] {
  const sign = text.indexOf("=");
  if (sign < 1) throw new UsageError(`flag --label: ${JSON.stringify(text)} is not key=value`);
  return [text.slice(0, sign), text.slice(sign + 1)];
}
