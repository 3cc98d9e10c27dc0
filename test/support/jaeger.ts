/** A real Jaeger in a process of its own, with its traces in memory; for tests that ask it as its own front end does. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProgram, until } from "./relay.ts";

/** A span as /api/traces has it. */
export interface JaegerSpan {
  readonly spanID: string;
  readonly operationName: string;
  readonly processID: string;
  readonly references: readonly {
    readonly refType: string;
    readonly traceID: string;
    readonly spanID: string;
  }[];
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
}

export interface JaegerTrace {
  readonly traceID: string;
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

export interface Jaeger extends AsyncDisposable {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT: of OTLP/gRPC, and of OTLP/HTTP. */
  readonly endpoint: string;
  readonly httpEndpoint: string;
  /** The trace as soon as it has so many spans. Jaeger tells nobody, so it is asked again until then. */
  trace(traceId: string, spans: number): Promise<JaegerTrace>;
  services(): Promise<string[]>;
}

/** Whether there is a `jaeger` on the PATH that runs. */
export function hasJaeger(): boolean {
  try {
    execFileSync("jaeger", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export async function startJaeger(): Promise<Jaeger> {
  const [grpc, http, query, queryGrpc] = (await freePorts(4)) as [number, number, number, number];
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-jaeger-"));
  const config = join(folder, "config.json");
  writeFileSync(config, JSON.stringify(configuration({ grpc, http, query, queryGrpc })));
  const program = startProgram("jaeger", ["--config", config]);
  const ask = async <T>(path: string): Promise<T | undefined> => {
    const response = await fetch(`http://127.0.0.1:${query}/api/${path}`).catch(() => undefined);
    return response?.ok === true ? ((await response.json()) as { data: T }).data : undefined;
  };
  let ended = false;
  void program.exited.then(() => (ended = true));
  const dispose = async (): Promise<void> => {
    await program[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => {
      if (ended) throw new Error(`jaeger ended: ${program.text()}`);
      return (await ask("services")) !== undefined;
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    endpoint: `http://127.0.0.1:${grpc}`,
    httpEndpoint: `http://127.0.0.1:${http}`,
    async trace(traceId, spans) {
      let found: JaegerTrace | undefined;
      await until(async () => {
        found = (await ask<JaegerTrace[]>(`traces/${traceId}`))?.[0];
        return found !== undefined && found.spans.length >= spans;
      });
      return found!;
    },
    services: async () => (await ask<string[] | null>("services")) ?? [],
    [Symbol.asyncDispose]: dispose,
  };
}

interface Ports {
  readonly grpc: number;
  readonly http: number;
  readonly query: number;
  readonly queryGrpc: number;
}

/** Jaeger's own all-in-one configuration, on our ports and without its metrics, whose port is fixed. */
function configuration({ grpc, http, query, queryGrpc }: Ports): object {
  const at = (port: number): object => ({ endpoint: `127.0.0.1:${port}` });
  return {
    service: {
      extensions: ["jaeger_storage", "jaeger_query"],
      pipelines: { traces: { receivers: ["otlp"], exporters: ["jaeger_storage_exporter"] } },
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
    },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 1000 } } } },
      jaeger_query: { storage: { traces: "memory" }, http: at(query), grpc: at(queryGrpc) },
    },
    receivers: { otlp: { protocols: { grpc: at(grpc), http: at(http) } } },
    exporters: { jaeger_storage_exporter: { trace_storage: "memory" } },
  };
}

/** Different ones, free a moment ago: Jaeger does not say which port it got where it may choose. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map((server) => {
      server.close();
      return once(server, "close");
    }),
  );
  return ports;
}
