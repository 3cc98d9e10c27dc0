import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { startCollector } from "../support/collector.ts";
import type { LoadReport } from "./loading-process.ts";

const script = fileURLToPath(new URL("loading-process.ts", import.meta.url));

/** Runs a fresh process to its natural end: one that a forgotten timer or socket keeps alive is killed, and fails. */
async function run(env: NodeJS.ProcessEnv): Promise<LoadReport> {
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    env: { PATH: process.env["PATH"], ...env },
    timeout: 20_000,
  });
  return JSON.parse(stdout) as LoadReport;
}

const sdkPackages = /^@opentelemetry\/(?!api$)|^@grpc\//;

describe("a process without OTEL_* variables", () => {
  it("loads of OpenTelemetry the API only", async () => {
    const { packages, enabled, importMs, startMs, rssMb } = await run({});
    console.log(
      `tracing off: import ${importMs.toFixed(0)} ms, start ${startMs.toFixed(1)} ms, +${rssMb.toFixed(0)} MB`,
    );
    expect(enabled).toBe(false);
    expect(packages).toContain("@opentelemetry/api");
    expect(packages.filter((name) => sdkPackages.test(name))).toEqual([]);
  });
});

describe("a process with tracing", () => {
  it.each(["grpc", "http/protobuf"])(
    "over %s loads the SDK and that exporter only, and ends by itself",
    async (protocol) => {
      const collector = await startCollector();
      const endpoint = protocol === "grpc" ? collector.endpoint : collector.httpEndpoint;
      const report = await run({
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      });
      const { packages, importMs, startMs, rssMb } = report;
      console.log(
        `${protocol}: import ${importMs.toFixed(0)} ms, start ${startMs.toFixed(0)} ms, +${rssMb.toFixed(0)} MB`,
      );
      expect(report).toMatchObject({
        enabled: true,
        warnings: [],
        counts: { exported: 1, dropped: 0, failed: 0 },
      });
      expect(packages).toContain("@opentelemetry/sdk-trace");
      expect(packages.includes("@grpc/grpc-js")).toBe(protocol === "grpc");
      expect(collector.spans()).toHaveLength(1);
      await collector.close();
    },
  );

  it.each(["grpc", "http/protobuf"])(
    "over %s ends by itself when the collector is gone",
    async (protocol) => {
      const collector = await startCollector();
      const endpoint = protocol === "grpc" ? collector.endpoint : collector.httpEndpoint;
      await collector.close();
      const report = await run({
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_TIMEOUT: "500",
      });
      expect(report.enabled).toBe(true);
      expect(report.counts.exported).toBe(0);
    },
  );
});
