/** A real Jaeger shows the trace of a job as one tree, with either header form coming in. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasJaeger, startJaeger } from "../support/jaeger.ts";
import type { Jaeger, JaegerSpan, JaegerTrace } from "../support/jaeger.ts";
import { lacking } from "../support/lacking.ts";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

const noJaeger = hasJaeger()
  ? undefined
  : lacking("Jaeger", "there is no jaeger on the PATH (test/journeys/jaeger)");

const callerSpanId = "b7ad6b7169203331";

interface Node {
  readonly span: string;
  readonly children: readonly Node[];
}

/**
 * As Jaeger's front end builds it: below the first reference. That is CHILD_OF, but FOLLOWS_FROM for the attempt: where a
 * span links to its own parent, Jaeger keeps one reference of the link's kind.
 */
function treeBelow(trace: JaegerTrace, parent: string): Node[] {
  const parentOf = ({ references }: JaegerSpan): string | undefined => references[0]?.spanID;
  return trace.spans
    .filter((span) => parentOf(span) === parent)
    .map((span) => ({
      span: `${String(span.tags.find(({ key }) => key === "span.kind")?.value)} ${span.operationName}`,
      children: treeBelow(trace, span.spanID),
    }));
}

describe.skipIf(noJaeger !== undefined)("Jaeger", () => {
  let jaeger: Jaeger;
  beforeAll(async () => {
    jaeger = await startJaeger();
  });
  afterAll(() => jaeger[Symbol.asyncDispose]());

  test.each(["grpc", "http/protobuf"])(
    "shows the way of a job that came over OTLP by %s",
    async (protocol) => {
      const service = `relay-${protocol.slice(0, 4)}`;
      await using target = await startTarget();
      await using relay = await startRelay({
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: protocol === "grpc" ? jaeger.endpoint : jaeger.httpEndpoint,
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          OTEL_BSP_SCHEDULE_DELAY: "50",
          OTEL_SERVICE_NAME: service,
        },
      });
      const [w3c, uber] = [randomBytes(16).toString("hex"), randomBytes(16).toString("hex")];
      for (const [traceId, metadata] of [
        [w3c, { traceparent: `00-${w3c}-${callerSpanId}-01` }],
        [uber, { "uber-trace-id": `${uber}:${callerSpanId}:0:1` }],
      ] as const) {
        await relay.client.enqueue({ job: post(target.url) }, { metadata });
        const trace = await jaeger.trace(traceId, 4);
        const request = { span: "client POST", children: [] };
        const process = { span: "consumer process default", children: [request] };
        const send = { span: "producer send default", children: [process] };
        expect(treeBelow(trace, callerSpanId)).toEqual([
          { span: "server fieldpost.v1.RelayService/Enqueue", children: [send] },
        ]);
        expect(new Set(Object.values(trace.processes).map(({ serviceName }) => serviceName))).toEqual(
          new Set([service]),
        );
        const sent = trace.spans.find(({ operationName }) => operationName === "POST")!;
        const received = target.requests.at(-1)!;
        expect(received.headers["uber-trace-id"]).toBe(`${traceId}:${sent.spanID}:0:1`);
      }
      expect(await jaeger.services()).toContain(service);
    },
  );
});
