/** The CLIENT spans of {@link import("./tracing.ts").openCallTracing}. Loaded only when it is asked for. */
import { randomUUID } from "node:crypto";
import { SpanKind, SpanStatusCode, propagation, trace } from "@opentelemetry/api";
import type { Environment } from "../config/load.ts";
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  RPC_SYSTEM,
} from "../telemetry/attributes.ts";
import { contextOf } from "../telemetry/carrier.ts";
import { tracer } from "../telemetry/spans.ts";
import { startTracing } from "../telemetry/tracing.ts";
import { printError } from "./print-error.ts";
import type { CallTracing } from "./tracing.ts";

/** A collector that does not answer must not keep a person waiting. */
const shutdownTimeoutMs = 2000;

const warn = (message: string): void => printError([message]);

export async function startCallTracing(environment: Environment, version: string): Promise<CallTracing> {
  const service = { name: "fieldpost-cli", version, instanceId: randomUUID() };
  const tracing = await startTracing(environment, service, warn, shutdownTimeoutMs);
  for (const warning of tracing.warnings) warn(warning);
  const parent = contextOf({
    traceparent: environment["TRACEPARENT"] ?? "",
    tracestate: environment["TRACESTATE"] ?? "",
  });
  return {
    startCall(method) {
      const attributes = { [ATTR_RPC_SYSTEM_NAME]: RPC_SYSTEM, [ATTR_RPC_METHOD]: method };
      const span = tracer().startSpan(method, { kind: SpanKind.CLIENT, attributes }, parent);
      const headers: Record<string, string> = {};
      propagation.inject(trace.setSpan(parent, span), headers);
      return {
        headers,
        end(code, message = "") {
          span.setAttribute(ATTR_RPC_STATUS_CODE, code);
          if (code !== "OK") {
            span.setAttribute(ATTR_ERROR_TYPE, code);
            span.setStatus({ code: SpanStatusCode.ERROR, message });
          }
          span.end();
        },
      };
    },
    shutdown: () => tracing.shutdown(),
  };
}
