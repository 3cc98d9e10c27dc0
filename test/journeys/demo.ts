/**
 * `npm run demo`: a relay of two workers and a real HTTP target, 10,000 requests handed in through the command line,
 * every one compared by hash where it arrives; then one job read back with three masks, and its trace.
 * Exits 0 if all of it is true. FIELDPOST_DEMO_JOBS changes the number.
 */
import { spawn } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { Job } from "../../server/src/gen/fieldpost/v1/job.ts";
import { startCollector } from "../support/collector.ts";
import type { Collector } from "../support/collector.ts";
import { launcher, startRelay } from "../support/relay.ts";
import type { Relay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import type { Target } from "../support/target.ts";

const count = Number(process.env["FIELDPOST_DEMO_JOBS"] ?? 10_000);
/** For all to be delivered, and for the last spans to come; far more than it takes. */
const patienceMs = 180_000;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Writes requests with random bodies. @returns the hash of each body by the id of its job */
async function writeRequests(file: string, target: string): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  const stream = createWriteStream(file);
  for (let index = 0; index < count; index++) {
    const jobId = `demo-${index}`;
    const body = randomBytes(16 + (index % 2000));
    hashes.set(jobId, sha256(body));
    const http = {
      method: "POST",
      url: `${target}/${jobId}`,
      headers: [{ name: "content-type", value: "application/octet-stream" }],
      body: body.toString("base64"),
    };
    if (!stream.write(`${JSON.stringify({ jobId, job: { http } })}\n`)) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "close");
  return hashes;
}

/** Runs the command as a user does. @returns what it printed */
async function fieldpost(relay: Relay, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  say(`\n$ fieldpost ${args.join(" ")}`);
  const child = spawn(launcher, args, {
    env: { ...process.env, ...env, FIELDPOST_GRPC: relay.grpcAddress },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  const output = Buffer.concat(chunks).toString();
  assert(code === 0, `fieldpost ${args[0]} ended with ${code}: ${output}`);
  return output;
}

/** Every request arrived, once, with its own body. */
function compare(target: Target, hashes: ReadonlyMap<string, string>): void {
  const arrived = new Map<string, number>();
  for (const { url, body } of target.requests) {
    const jobId = url.slice(1);
    assert(hashes.get(jobId) === sha256(body), `${jobId} arrived with another body`);
    arrived.set(jobId, (arrived.get(jobId) ?? 0) + 1);
  }
  const missing = [...hashes.keys()].filter((jobId) => !arrived.has(jobId)).length;
  const repeated = [...arrived.values()].filter((times) => times > 1).length;
  say(
    `target: ${arrived.size} of ${count} arrived, ${missing} missing, ${repeated} more than once, every body's SHA-256 right`,
  );
  assert(missing === 0 && repeated === 0, "not every request arrived exactly once");
}

const isDone = ({ state, attemptCount }: Job): boolean =>
  state === JobState.JOB_STATE_SUCCEEDED && attemptCount === 1;

/** Reads all jobs page by page until each has ended. */
async function awaitSuccess(relay: Relay): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    let succeeded = 0;
    let pageToken = "";
    do {
      const page = await relay.client.listJobs({
        pageSize: 1000,
        pageToken,
        readMask: ["state", "attempt_count"],
      });
      succeeded += page.jobs.filter(isDone).length;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    if (succeeded === count) break;
    assert(Date.now() < deadline, `only ${succeeded} of ${count} jobs are SUCCEEDED at their first attempt`);
  }
  say(`relay:  ${count} of ${count} jobs SUCCEEDED, each at its first attempt`);
}

async function showTrace(collector: Collector, traceparent: string): Promise<void> {
  const traceId = traceparent.split("-")[1] ?? "";
  // The caller's span, the call, the hand-over, the attempt, the request.
  const kinds = 5;
  await collector.waitFor(
    (spans) => spans.filter((span) => span.traceId === traceId).length >= kinds,
    patienceMs,
  );
  say(`\n${collector.tree(traceId)}`);
}

async function demo(): Promise<void> {
  const collector = await startCollector();
  await using target = await startTarget();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    // Every span of the run is kept until it is exported, so that the one that is shown is not lost.
    OTEL_BSP_MAX_QUEUE_SIZE: "131072",
  };
  await using relay = await startRelay({ workers: 2, env });
  say(
    `relay:  gRPC ${relay.grpcAddress}, HTTP ${relay.httpUrl}, pid ${relay.pid}, workers ${relay.workerPids().join(" ")}`,
  );
  say(`target: ${target.url}`);

  const file = join(relay.dir, `requests-${randomUUID()}.jsonl`);
  const hashes = await writeRequests(file, target.url);
  const clientEnv = { ...env, OTEL_SERVICE_NAME: "caller" };
  const summary = await fieldpost(relay, ["enqueue", "--file", file], clientEnv);
  say(summary.split("\n").slice(-3).join("\n").trim());
  const timeout = setTimeout(() => {
    process.stderr.write(`demo: only ${target.requests.length} requests arrived in ${patienceMs / 1000} s\n`);
    process.exit(1);
  }, patienceMs);
  await target.received(count);
  clearTimeout(timeout);
  await awaitSuccess(relay);
  compare(target, hashes);

  const shown = `demo-${Math.floor(count / 2)}`;
  for (const mask of [
    "state",
    "name,response.status,attempts.*.result",
    "http.url,http.headers,trace_context",
  ]) {
    say((await fieldpost(relay, ["get", shown, "--mask", mask, "--json"], {})).trim());
  }
  const { traceContext } = await relay.client.getJob({ name: `jobs/${shown}`, readMask: ["trace_context"] });
  assert(traceContext !== undefined, "the job holds no trace context");
  await showTrace(collector, traceContext.traceparent);

  const code = await relay.stop();
  assert(code === 0, `the relay ended with ${code}`);
  assert(relay.alive().length === 0, "something of the relay still lives");
  await collector.close();
  say("\ndemo: all of it is true");
}

await demo();
