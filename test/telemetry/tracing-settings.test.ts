import { describe, expect, it } from "vitest";
import { type Env, batchDefaults, readTracingSettings } from "../../server/src/telemetry/tracing-settings.ts";

const endpoint = "http://collector:4318";

function settingsOf(env: Env) {
  const { settings, warnings } = readTracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env });
  return { ...settings, warnings };
}

describe("tracing is off", () => {
  it.each<[string, Env]>([
    ["when nothing asks for it", {}],
    ["when the variables are empty", { OTEL_EXPORTER_OTLP_ENDPOINT: " ", OTEL_TRACES_EXPORTER: "" }],
    ["when only other variables are set", { OTEL_SERVICE_NAME: "x", OTEL_TRACES_SAMPLER: "always_on" }],
    ["when the SDK is disabled", { OTEL_SDK_DISABLED: "TRUE", OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }],
    ["when the exporter is none", { OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }],
  ])("%s", (_when, env) => {
    expect(readTracingSettings(env)).toEqual({ settings: undefined, warnings: [] });
  });

  it.each([
    [
      "http/protobuf",
      "localhost:4318",
      'OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4318" is not an http or https URL',
    ],
    ["http/protobuf", "http://", 'OTEL_EXPORTER_OTLP_ENDPOINT: "http://" is not an http or https URL'],
    ["grpc", "not an address", 'OTEL_EXPORTER_OTLP_ENDPOINT: "not an address" is not an address'],
  ])("with %s and the endpoint %s, and says why", (protocol, given, warning) => {
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_EXPORTER_OTLP_ENDPOINT: given };
    expect(readTracingSettings(env)).toEqual({
      settings: undefined,
      warnings: [`${warning}; tracing is off`],
    });
  });
});

describe("tracing is on", () => {
  it("with the specification's defaults, but for a larger queue", () => {
    expect(readTracingSettings({ OTEL_TRACES_EXPORTER: "otlp" })).toEqual({
      settings: {
        protocol: "http/protobuf",
        url: undefined,
        sampler: "parentbased_always_on",
        samplerRatio: 1,
        batch: batchDefaults,
        resource: {},
      },
      warnings: [],
    });
  });

  it.each<[Env, string, string]>([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }, "http/protobuf", "http://c:4318/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/base/" }, "http/protobuf", "https://c/base/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c/own" }, "http/protobuf", "http://c/own"],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://general", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://own/" },
      "http/protobuf",
      "http://own/",
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4317", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
      "grpc",
      "http://c:4317",
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "c:4317", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "GRPC" }, "grpc", "c:4317"],
  ])("%j is %s to %s", (env, protocol, url) => {
    expect(readTracingSettings(env)).toMatchObject({ settings: { protocol, url }, warnings: [] });
  });

  it("the protocol of traces wins over the general one", () => {
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf" };
    expect(settingsOf(env).protocol).toBe("http/protobuf");
  });

  it("gRPC's usual port over HTTP is pointed out", () => {
    expect(settingsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4317" }).warnings).toEqual([
      "OTEL_EXPORTER_OTLP_ENDPOINT: port 4317 is that of OTLP over gRPC; if so, set OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
    ]);
  });

  it("sampler, batches and resource come from their variables", () => {
    expect(
      settingsOf({
        OTEL_TRACES_SAMPLER: "traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0.25",
        OTEL_BSP_MAX_QUEUE_SIZE: "100",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "50",
        OTEL_BSP_SCHEDULE_DELAY: "0",
        OTEL_BSP_EXPORT_TIMEOUT: "1000",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=lost, deployment.environment.name=pro%2Cd,empty=",
        OTEL_SERVICE_NAME: "relay-eu",
      }),
    ).toEqual({
      protocol: "http/protobuf",
      url: "http://collector:4318/v1/traces",
      sampler: "traceidratio",
      samplerRatio: 0.25,
      batch: {
        maxQueueSize: 100,
        maxExportBatchSize: 50,
        scheduledDelayMillis: 0,
        exportTimeoutMillis: 1000,
      },
      resource: { "service.name": "relay-eu", "deployment.environment.name": "pro,d", empty: "" },
      warnings: [],
    });
  });

  it("a queue smaller than the usual batch makes the batches smaller without a word", () => {
    expect(settingsOf({ OTEL_BSP_MAX_QUEUE_SIZE: "10" })).toMatchObject({
      batch: { maxQueueSize: 10, maxExportBatchSize: 10 },
      warnings: [],
    });
  });
});

describe("a value that makes no sense is ignored with a warning", () => {
  it.each<[Env, string]>([
    [{ OTEL_SDK_DISABLED: "yes" }, 'OTEL_SDK_DISABLED: "yes" is not true or false; false is used'],
    [
      { OTEL_TRACES_EXPORTER: "zipkin" },
      'OTEL_TRACES_EXPORTER: "zipkin" is not one of otlp,none; it is left out',
    ],
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" },
      'OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" is not one of grpc,http/protobuf; it is ignored',
    ],
    [
      { OTEL_TRACES_SAMPLER: "xray" },
      'OTEL_TRACES_SAMPLER: "xray" is not one of always_on,always_off,traceidratio,parentbased_always_on,parentbased_always_off,parentbased_traceidratio; it is ignored',
    ],
    [
      { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "25%" },
      'OTEL_TRACES_SAMPLER_ARG: "25%" is not a number from 0 to 1; 1 is used',
    ],
    [
      { OTEL_BSP_MAX_QUEUE_SIZE: "many" },
      'OTEL_BSP_MAX_QUEUE_SIZE: "many" is not a whole number of at least 1; it is ignored',
    ],
    [
      { OTEL_BSP_SCHEDULE_DELAY: "-1" },
      'OTEL_BSP_SCHEDULE_DELAY: "-1" is not a whole number of at least 0; it is ignored',
    ],
    [
      { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "99999" },
      "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 99999 is more than the queue holds; 32768 is used",
    ],
    [
      { OTEL_RESOURCE_ATTRIBUTES: "a=1,b" },
      "OTEL_RESOURCE_ATTRIBUTES: it is not key=value,… (percent-encoded); it is ignored as a whole",
    ],
    [
      { OTEL_RESOURCE_ATTRIBUTES: "a=%zz" },
      "OTEL_RESOURCE_ATTRIBUTES: it is not key=value,… (percent-encoded); it is ignored as a whole",
    ],
  ])("%j", (env, warning) => {
    const { settings, warnings } = readTracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env });
    expect(warnings).toEqual([warning]);
    expect(settings?.resource).toEqual({});
  });
});
