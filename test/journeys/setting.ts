/** What the journeys share. */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Metadata } from "@grpc/grpc-js";
import { AttemptResult } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { HttpTarget, Job } from "../../server/src/gen/fieldpost/v1/job.ts";
import { ErrorInfo } from "../../server/src/gen/google/rpc/error_details.ts";
import type { Status } from "../../server/src/gen/google/rpc/status.ts";
import type { DeepPartial } from "../../server/src/gen/fieldpost/v1/relay.ts";
import { openSqliteStore } from "../../server/src/store/sqlite/store.ts";
import type { JobPart } from "../../server/src/store/store.ts";
import type { JobRecord } from "../../server/src/job/job.ts";
import { createRelayClient } from "../support/relay-client.ts";
import type { RelayClient } from "../support/relay-client.ts";
import type { Relay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";

/** A job that posts `body` to `url`. */
export function post(url: string, body = "", http: DeepPartial<HttpTarget> = {}): DeepPartial<Job> {
  return { target: { $case: "http", http: { method: "POST", url, body: Buffer.from(body), ...http } } };
}

/** Sent again so soon, without chance. */
export const soon = {
  initialBackoff: { seconds: 0n, nanos: 20_000_000 },
  maxBackoff: { seconds: 0n, nanos: 20_000_000 },
  jitter: 1,
} as const;

/** The reason in the ErrorInfo of an attempt's error. */
export function reasonOf(error: Status | undefined): string | undefined {
  const info = error?.details.find(({ typeUrl }) => typeUrl.endsWith("google.rpc.ErrorInfo"));
  return info === undefined ? undefined : ErrorInfo.decode(info.value).reason;
}

export const resultNames: ReadonlyMap<number, string> = new Map(
  Object.entries(AttemptResult).map(([name, value]) => [value, name.replace("ATTEMPT_RESULT_", "")]),
);

/** number, result, HTTP status, reason of each attempt. */
export function attemptsOf(job: Job): (string | number | undefined)[][] {
  return job.attempts.map(({ number, result, httpStatus, error }) => [
    number,
    resultNames.get(result),
    httpStatus,
    reasonOf(error),
  ]);
}

/**
 * One client for each of the relay's workers, by slot: which worker accepts a connection is the kernel's choice, and a job
 * that finds room is sent by the worker that took it over.
 */
export async function clientOfEachWorker(
  relay: Relay,
): Promise<AsyncDisposable & { readonly clients: RelayClient[] }> {
  await using target = await startTarget();
  const names = relay.workerNames();
  const clients: RelayClient[] = [];
  while (Object.keys(clients).length < names.length) {
    const client = createRelayClient(relay.grpcAddress);
    const { name } = await client.enqueue({ job: post(target.url) });
    const job = await client.reached(name, 5);
    const slot = names.indexOf(job.attempts[0]?.worker ?? "");
    if (slot >= 0 && clients[slot] === undefined) clients[slot] = client;
    else client.close();
  }
  return {
    clients,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
    },
  };
}

/** Reads a job from the file of a relay that has ended. */
export async function readStored(
  path: string,
  name: string,
  parts: readonly JobPart[],
): Promise<JobRecord | undefined> {
  const store = await openSqliteStore({ path, maxDepth: 1_000_000 });
  try {
    return await store.get(name.slice("jobs/".length), new Set(parts));
  } finally {
    await store.close();
  }
}

/** Calls a method that has no generated client here, with bytes in and bytes out. */
export function callRaw(client: RelayClient, path: string, request: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.channel.makeUnaryRequest(
      path,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes) => bytes,
      request,
      new Metadata(),
      { deadline: Date.now() + 10_000 },
      (error, answer) => (error === null ? resolve(answer!) : reject(error)),
    );
  });
}

/** What reflection lists, by the protocol of the given version. */
export function listServices(relay: Relay, version: string): Promise<string> {
  const call = relay.client.channel.makeBidiStreamRequest(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
    new Metadata(),
    {},
  );
  return new Promise((resolve, reject) => {
    call.on("data", (answer: Buffer) => {
      resolve(answer.toString("latin1"));
      call.end();
    });
    call.on("error", reject);
    // ServerReflectionRequest.list_services = 7
    call.write(Buffer.from(new BinaryWriter().uint32(58).string("*").finish()));
  });
}
