import { ROOT_CONTEXT } from "@opentelemetry/api";
import { onTestFinished } from "vitest";
import { startEnqueueSpan } from "../../server/src/telemetry/spans.ts";
import { type Tracing, startTracing } from "../../server/src/telemetry/tracing.ts";
import type { Env } from "../../server/src/telemetry/tracing-settings.ts";
import type { Collector } from "../support/collector.ts";

const service = { name: "fieldpost", version: "1.2.3", instanceId: "worker-0" };

/** Starts tracing into `collector` over gRPC, unless `env` says otherwise, until the end of the test. */
export async function startInto(
  collector: Collector,
  env: Env,
  onProblem?: (message: string) => void,
  shutdownTimeoutMs?: number,
): Promise<Tracing> {
  const tracing = await startTracing(
    { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", ...env },
    service,
    onProblem,
    shutdownTimeoutMs,
  );
  onTestFinished(() => tracing.shutdown());
  return tracing;
}

export function makeSpans(count: number): void {
  for (let index = 0; index < count; index++) startEnqueueSpan(ROOT_CONTEXT, "default").end();
}
