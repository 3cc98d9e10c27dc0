/** A span for each call, and its context in the call's headers, when the environment asks for one. */
import type { Environment } from "../config/load.ts";

/** One call under way. */
export interface CallSpan {
  /** To be sent with the call. */
  readonly headers: Readonly<Record<string, string>>;
  /** @param code name of the gRPC code, `OK`, `NOT_FOUND`, … */
  end(code: string, message?: string): void;
}

export interface CallTracing {
  /** @param method full name without the leading slash: `fieldpost.v1.RelayService/Enqueue` */
  startCall(method: string): CallSpan;
  /** Exports what is left; never rejects. */
  shutdown(): Promise<void>;
}

const noSpan: CallSpan = { headers: {}, end() {} };

export const noTracing: CallTracing = {
  startCall: () => noSpan,
  async shutdown() {},
};

/**
 * Starts tracing when OTEL_* variables or TRACEPARENT are set. TRACEPARENT (with TRACESTATE) is the parent of all
 * calls; it reaches the relay whether or not spans are exported. Without any of them nothing is even loaded.
 */
export async function openCallTracing(environment: Environment, version: string): Promise<CallTracing> {
  const asked = Object.keys(environment).some((name) => name.startsWith("OTEL_") || name === "TRACEPARENT");
  if (!asked) return noTracing;
  const { startCallTracing } = await import("./call-spans.ts");
  return startCallTracing(environment, version);
}
