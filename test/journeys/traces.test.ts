/** The spans that `fieldpost serve` sends to a trace backend: one tree from the caller's span to the target's header. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { startCollector } from "../support/collector.ts";
import type { CollectedSpan, Collector } from "../support/collector.ts";
import { startRelay } from "../support/relay.ts";
import type { Relay, RelayOptions } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import type { ReceivedRequest, Target, TargetHandler } from "../support/target.ts";
import { clientOfEachWorker, post, soon } from "./setting.ts";

const callerSpanId = "b7ad6b7169203331";
const newTraceId = (): string => randomBytes(16).toString("hex");
const traceparent = (traceId: string, flags = "01"): string => `00-${traceId}-${callerSpanId}-${flags}`;
const uber = (traceId: string): string => `${traceId}:${callerSpanId}:0:1`;

type Protocol = "grpc" | "http/protobuf";

interface Setting extends AsyncDisposable {
  readonly collector: Collector;
  readonly target: Target;
  readonly relay: Relay;
}

async function open(
  protocol: Protocol,
  { handler, env, ...options }: RelayOptions & { handler?: TargetHandler } = {},
): Promise<Setting> {
  const collector = await startCollector();
  const target = await startTarget(handler);
  const relay = await startRelay({
    ...options,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: protocol === "grpc" ? collector.endpoint : collector.httpEndpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_BSP_SCHEDULE_DELAY: "50",
      ...env,
    },
  });
  return {
    collector,
    target,
    relay,
    async [Symbol.asyncDispose]() {
      await relay[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
      await collector.close();
    },
  };
}

/** Waits until so many spans of a trace are there, and fails if there are more. */
async function traceOf(collector: Collector, traceId: string, count: number): Promise<CollectedSpan[]> {
  const ofTrace = (spans: readonly CollectedSpan[]): CollectedSpan[] =>
    spans
      .filter((span) => span.traceId === traceId)
      .toSorted((a, b) => Number(a.startTimeNs - b.startTimeNs));
  const spans = ofTrace(await collector.waitFor((all) => ofTrace(all).length >= count));
  if (spans.length > count) throw new Error(`more than ${count} spans: ${collector.tree(traceId)}`);
  return spans;
}

interface Node {
  readonly span: string;
  readonly children: readonly Node[];
}

/** Kind and name of each span below this one, in the order of their start. */
function treeBelow(spans: readonly CollectedSpan[], parentSpanId: string): Node[] {
  return spans
    .filter((span) => span.parentSpanId === parentSpanId)
    .map(({ kind, name, spanId }) => ({ span: `${kind} ${name}`, children: treeBelow(spans, spanId) }));
}

const attempt: Node = {
  span: "consumer process default",
  children: [{ span: "client POST", children: [] }],
};

/** The call, the hand-over, and in it the attempts. */
const treeOf = (method: string, attempts: readonly Node[]): Node[] => [
  {
    span: `server fieldpost.v1.RelayService/${method}`,
    children: [{ span: "producer send default", children: attempts }],
  },
];

const ofKind = (spans: readonly CollectedSpan[], kind: CollectedSpan["kind"]): CollectedSpan[] =>
  spans.filter((span) => span.kind === kind);

/** The target has to see the span of the request as its parent, in both forms. */
function expectHeaders(request: ReceivedRequest | undefined, { traceId, spanId }: CollectedSpan): void {
  expect(request?.headers["traceparent"]).toBe(`00-${traceId}-${spanId}-01`);
  expect(request?.headers["uber-trace-id"]).toBe(`${traceId}:${spanId}:0:1`);
}

describe.each<Protocol>(["grpc", "http/protobuf"])("over OTLP by %s", (protocol) => {
  let setting: Setting;
  beforeAll(async () => {
    const flaky = (request: ReceivedRequest): number =>
      request.headers["fieldpost-attempt"] === "1/2" ? 503 : 200;
    setting = await open(protocol, { handler: flaky });
  });
  afterAll(() => setting[Symbol.asyncDispose]());

  /** Those that the target got on this path. */
  const requestsOn = (path: string): ReceivedRequest[] =>
    setting.target.requests.filter(({ url }) => url === path);

  test("the caller's span, the call, the hand-over, the attempt and the request are one tree, with either header", async () => {
    const { collector, relay, target } = setting;
    const [w3c, jaeger, both, ignored] = [newTraceId(), newTraceId(), newTraceId(), newTraceId()];
    const cases = [
      { path: "/w3c", traceId: w3c, metadata: { traceparent: traceparent(w3c), tracestate: "vendor=1" } },
      { path: "/jaeger", traceId: jaeger, metadata: { "uber-trace-id": uber(jaeger) } },
      {
        path: "/both",
        traceId: both,
        metadata: { "uber-trace-id": uber(ignored), traceparent: traceparent(both) },
      },
    ];
    for (const { path, traceId, metadata } of cases) {
      await relay.client.enqueue({ job: post(`${target.url}${path}`) }, { metadata });
      const spans = await traceOf(collector, traceId, 4);
      expect(treeBelow(spans, callerSpanId)).toEqual(treeOf("Enqueue", [attempt]));
      const [process, sent] = [ofKind(spans, "consumer")[0]!, ofKind(spans, "client")[0]!];
      // A backend that shows links finds the hand-over too.
      expect(process.links).toMatchObject([{ traceId, spanId: ofKind(spans, "producer")[0]!.spanId }]);
      const [request] = requestsOn(path);
      expectHeaders(request, sent);
      expect(request?.headers["tracestate"]).toBe(metadata.tracestate);
      expect(spans.map(({ status }) => status.code)).not.toContain("error");
    }
    // What lost to the W3C header is in no span.
    expect(collector.spans().filter(({ traceId }) => traceId === ignored)).toEqual([]);
  });

  test("without the caller's span the call is the root, and GetJob says which trace it is", async () => {
    const { collector, relay, target } = setting;
    const { name } = await relay.client.enqueue({ job: post(target.url) });
    const { traceContext } = await relay.client.getJob({ name, readMask: ["trace_context"] });
    const traceId = traceContext!.traceparent.split("-")[1]!;
    const spans = await traceOf(collector, traceId, 4);
    expect(treeBelow(spans, "")).toEqual(treeOf("Enqueue", [attempt]));
    // The job keeps the span of its hand-over.
    expect(traceContext!.traceparent).toBe(`00-${traceId}-${ofKind(spans, "producer")[0]!.spanId}-01`);
  });

  test("each attempt of a job has its spans, and a failed one says why", async () => {
    const { collector, relay, target } = setting;
    const traceId = newTraceId();
    const { name, uid } = await relay.client.enqueue(
      { job: { ...post(`${target.url}/flaky`), retryPolicy: soon, maxAttempts: 2 } },
      { metadata: { traceparent: traceparent(traceId) } },
    );
    await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    const spans = await traceOf(collector, traceId, 6);
    expect(treeBelow(spans, callerSpanId)).toEqual(treeOf("Enqueue", [attempt, attempt]));
    const [first, second] = ofKind(spans, "consumer");
    const common = { "messaging.message.id": uid, "messaging.destination.name": "default" };
    expect(first).toMatchObject({
      status: { code: "error" },
      attributes: {
        ...common,
        "fieldpost.attempt": 1,
        "fieldpost.result": "failed",
        "error.type": "STATUS_RETRYABLE",
      },
    });
    expect(second).toMatchObject({
      status: { code: "unset" },
      attributes: { ...common, "fieldpost.attempt": 2, "fieldpost.result": "succeeded" },
    });
    const sent = ofKind(spans, "client");
    expect(sent.map(({ attributes }) => attributes["http.response.status_code"])).toEqual([503, 200]);
    expect(sent.map(({ attributes }) => attributes["http.request.resend_count"])).toEqual([undefined, 1]);
    for (const [index, span] of sent.entries()) expectHeaders(requestsOn("/flaky")[index], span);
  });

  test("the jobs of a batch share its hand-over", async () => {
    const { collector, relay, target } = setting;
    const requests = ["/0", "/1", "/2"].map((path) => ({ job: post(`${target.url}${path}`) }));
    const traceId = newTraceId();
    const metadata = { "uber-trace-id": uber(traceId) };
    const { jobs } = await relay.client.batchEnqueue({ requests }, { metadata });
    const spans = await traceOf(collector, traceId, 8);
    expect(treeBelow(spans, callerSpanId)).toEqual(treeOf("BatchEnqueue", [attempt, attempt, attempt]));
    expect(ofKind(spans, "producer")[0]!.attributes).toMatchObject({ "messaging.batch.message_count": 3 });
    const ids = ofKind(spans, "consumer").map(({ attributes }) => attributes["messaging.message.id"]);
    expect(ids.toSorted()).toEqual(jobs.map(({ uid }) => uid).toSorted());
    for (const span of ofKind(spans, "client")) {
      const [request] = requestsOn(new URL(String(span.attributes["url.full"])).pathname);
      expectHeaders(request, span);
    }
  });
});

test("every worker names itself, and the variables have the last word", async () => {
  const env = {
    OTEL_SERVICE_NAME: "relay-east",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
  };
  await using setting = await open("grpc", { env });
  const { collector, relay, target } = setting;
  await using each = await clientOfEachWorker(relay);
  for (const client of each.clients) await client.enqueue({ job: post(target.url) });
  const names = relay.workerNames();
  const resources = (spans: readonly CollectedSpan[]): Map<unknown, CollectedSpan["resource"]> =>
    new Map(spans.map(({ resource }) => [resource["service.instance.id"], resource]));
  const seen = resources(await collector.waitFor((spans) => resources(spans).size >= names.length));
  expect([...seen.keys()].toSorted()).toEqual(names.toSorted());
  for (const [slot, name] of names.entries()) {
    expect(seen.get(name)).toMatchObject({
      "service.name": "relay-east",
      "service.version": expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      "process.pid": relay.workerPids()[slot],
      "deployment.environment.name": "test",
      "telemetry.sdk.language": "nodejs",
    });
  }
});

test("a caller that does not sample leaves no span, and the target is told so", async () => {
  await using setting = await open("grpc");
  const { collector, relay, target } = setting;
  const [silent, sampled] = [newTraceId(), newTraceId()];
  const metadata = { traceparent: traceparent(silent, "00") };
  await relay.client.enqueue({ job: post(target.url) }, { metadata });
  const [request] = await target.received(1);
  expect(request!.headers["traceparent"]).toMatch(new RegExp(`^00-${silent}-[0-9a-f]{16}-00$`));
  await relay.client.enqueue({ job: post(target.url) }, { metadata: { traceparent: traceparent(sampled) } });
  await traceOf(collector, sampled, 4);
  // A worker that ends has sent all that it had.
  expect(await relay.stop()).toBe(0);
  expect(collector.spans().filter(({ traceId }) => traceId === silent)).toEqual([]);
});

test("no secret is in a span: not in attributes, events, status or resource", async () => {
  await using setting = await open("http/protobuf", {
    handler: () => ({ status: 400, body: "s3cret-answer" }),
  });
  const { collector, relay, target } = setting;
  const http = {
    method: "POST",
    url: `${target.url}/path?token=s3cret-query&s3cret-bare#s3cret-fragment`,
    headers: [
      { name: "authorization", value: "Bearer s3cret-header" },
      { name: "x-api-key", value: "s3cret-key" },
    ],
    body: Buffer.from("s3cret-body"),
  };
  const job = { target: { $case: "http" as const, http }, labels: new Map([["team", "s3cret-label"]]) };
  const traceId = newTraceId();
  const metadata = { authorization: "Bearer s3cret-metadata", traceparent: traceparent(traceId) };
  const { name } = await relay.client.enqueue({ job }, { metadata });
  await relay.client.reached(name, JobState.JOB_STATE_FAILED);
  await relay.client.getJob({ name: "jobs/s3cret_name" }).catch(() => undefined);
  await relay.client.enqueue({ job: { labels: new Map([["S3CRET", "s3cret-bad"]]) } }).catch(() => undefined);
  await traceOf(collector, traceId, 4);
  expect(await relay.stop()).toBe(0);
  const codes = new Set(collector.spans().map(({ attributes }) => attributes["rpc.status_code"]));
  expect([...codes]).toEqual(expect.arrayContaining(["OK", "NOT_FOUND", "INVALID_ARGUMENT"]));
  const all = JSON.stringify(collector.spans(), (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  expect(all.match(/s3cret[\w-]*/gi)).toBeNull();
  // The path and the names in the query may be seen.
  expect(all).toContain("/path?token=REDACTED&REDACTED");
});
