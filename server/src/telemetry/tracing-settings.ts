/**
 * The OTEL_* variables, as the specification of OpenTelemetry has them
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Pure: no SDK here.
 * A value that makes no sense costs a warning and is treated as unset, never an error.
 */
import { scrub } from "./redact.ts";

export type Env = Readonly<Record<string, string | undefined>>;

export const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;
export type SamplerName = (typeof samplers)[number];

export const protocols = ["grpc", "http/protobuf"] as const;
export type OtlpProtocol = (typeof protocols)[number];

export interface BatchSettings {
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
  readonly scheduledDelayMillis: number;
  readonly exportTimeoutMillis: number;
}

/**
 * Not the specification's 2,048 spans in batches of 512 every 5 s: at 10,000 spans/s that queue is full in 0.2 s.
 * 32,768 hold 3 s of them while a collector stalls; 2,048 spans of ours are about 1 MB, and collectors take 4 MB.
 */
export const batchDefaults: BatchSettings = {
  maxQueueSize: 32_768,
  maxExportBatchSize: 2_048,
  scheduledDelayMillis: 1_000,
  exportTimeoutMillis: 30_000,
};

export interface TracingSettings {
  readonly protocol: OtlpProtocol;
  /** Undefined for the exporter's own default, on localhost. */
  readonly url: string | undefined;
  readonly sampler: SamplerName;
  /** Of the ratio samplers, 0 to 1. */
  readonly samplerRatio: number;
  readonly batch: BatchSettings;
  /** OTEL_RESOURCE_ATTRIBUTES, and OTEL_SERVICE_NAME over it. */
  readonly resource: Readonly<Record<string, string>>;
}

/** Undefined settings: tracing is off. */
export function readTracingSettings(env: Env): { settings: TracingSettings | undefined; warnings: string[] } {
  const reader = new EnvReader(env);
  const settings = wantsTracing(reader) ? readAll(reader) : undefined;
  return { settings, warnings: reader.warnings };
}

/** Unlike the specification's default, tracing waits to be asked for: most relays run without a collector. */
function wantsTracing(reader: EnvReader): boolean {
  if (reader.flag("OTEL_SDK_DISABLED")) return false;
  const exporters = reader.list("OTEL_TRACES_EXPORTER");
  if (exporters.includes("none")) return false;
  for (const name of exporters) {
    if (name !== "otlp")
      reader.warn("OTEL_TRACES_EXPORTER", `"${name}" is not one of otlp,none; it is left out`);
  }
  return (
    exporters.includes("otlp") ||
    reader.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") !== undefined ||
    reader.text("OTEL_EXPORTER_OTLP_ENDPOINT") !== undefined
  );
}

function readAll(reader: EnvReader): TracingSettings | undefined {
  const protocol =
    reader.oneOf("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocols) ??
    reader.oneOf("OTEL_EXPORTER_OTLP_PROTOCOL", protocols) ??
    "http/protobuf";
  const endpoint = readEndpoint(reader, protocol);
  if (endpoint === "bad") return undefined;
  const sampler = reader.oneOf("OTEL_TRACES_SAMPLER", samplers) ?? "parentbased_always_on";
  return {
    protocol,
    url: endpoint,
    sampler,
    samplerRatio: sampler.endsWith("traceidratio") ? readRatio(reader) : 1,
    batch: readBatch(reader),
    resource: readResource(reader),
  };
}

/** gRPC takes the endpoint as it is; HTTP adds the path to the general one only. */
function readEndpoint(reader: EnvReader, protocol: OtlpProtocol): string | undefined {
  const own = reader.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const general = reader.text("OTEL_EXPORTER_OTLP_ENDPOINT");
  const given = own ?? general;
  if (given === undefined) return undefined;
  const name = own === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  if (protocol === "grpc") {
    // Without a scheme it is TLS, or what OTEL_EXPORTER_OTLP_INSECURE says.
    if (URL.canParse(/^\w{1,8}:\/\//.test(given) ? given : `https://${given}`)) return given;
    reader.warn(name, `"${scrub(given)}" is not an address; tracing is off`);
    return "bad";
  }
  const url = URL.parse(given);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    reader.warn(name, `"${scrub(given)}" is not an http or https URL; tracing is off`);
    return "bad";
  }
  if (url.port === "4317") {
    reader.warn(name, "port 4317 is that of OTLP over gRPC; if so, set OTEL_EXPORTER_OTLP_PROTOCOL=grpc");
  }
  if (own !== undefined) return own;
  return `${given}${given.endsWith("/") ? "" : "/"}v1/traces`;
}

function readRatio(reader: EnvReader): number {
  const text = reader.text("OTEL_TRACES_SAMPLER_ARG");
  if (text === undefined) return 1;
  const ratio = Number(text);
  if (ratio >= 0 && ratio <= 1) return ratio;
  reader.warn("OTEL_TRACES_SAMPLER_ARG", `"${text}" is not a number from 0 to 1; 1 is used`);
  return 1;
}

function readBatch(reader: EnvReader): BatchSettings {
  const read = (name: string, fallback: number, least: number): number =>
    reader.integer(`OTEL_BSP_${name}`, least) ?? fallback;
  const maxQueueSize = read("MAX_QUEUE_SIZE", batchDefaults.maxQueueSize, 1);
  const batchSize = reader.integer("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1);
  if (batchSize !== undefined && batchSize > maxQueueSize) {
    reader.warn(
      "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
      `${batchSize} is more than the queue holds; ${maxQueueSize} is used`,
    );
  }
  return {
    maxQueueSize,
    maxExportBatchSize: Math.min(batchSize ?? batchDefaults.maxExportBatchSize, maxQueueSize),
    scheduledDelayMillis: read("SCHEDULE_DELAY", batchDefaults.scheduledDelayMillis, 0),
    exportTimeoutMillis: read("EXPORT_TIMEOUT", batchDefaults.exportTimeoutMillis, 1),
  };
}

/** `key=value,…`, percent-encoded; one broken member spoils all, as the specification demands. */
function readResource(reader: EnvReader): Record<string, string> {
  const resource: Record<string, string> = {};
  try {
    for (const member of reader.list("OTEL_RESOURCE_ATTRIBUTES", false)) {
      const [key, value, ...rest] = member.split("=").map((part) => decodeURIComponent(part.trim()));
      if (key === undefined || key === "" || value === undefined || rest.length > 0) {
        throw new Error("it must be key=value");
      }
      resource[key] = value;
    }
  } catch {
    for (const key of Object.keys(resource)) delete resource[key];
    reader.warn(
      "OTEL_RESOURCE_ATTRIBUTES",
      "it is not key=value,… (percent-encoded); it is ignored as a whole",
    );
  }
  const serviceName = reader.text("OTEL_SERVICE_NAME");
  if (serviceName !== undefined) resource["service.name"] = serviceName;
  return resource;
}

/** Reads variables and collects what is wrong with them. An empty one counts as unset. */
class EnvReader {
  readonly warnings: string[] = [];
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  warn(name: string, problem: string): void {
    this.warnings.push(`${name}: ${problem}`);
  }

  text(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === "" ? undefined : value;
  }

  list(name: string, lowerCase = true): string[] {
    const members = (this.text(name) ?? "").split(",").map((member) => member.trim());
    return members
      .filter((member) => member !== "")
      .map((member) => (lowerCase ? member.toLowerCase() : member));
  }

  flag(name: string): boolean {
    const value = this.text(name)?.toLowerCase();
    if (value !== undefined && value !== "true" && value !== "false") {
      this.warn(name, `"${value}" is not true or false; false is used`);
    }
    return value === "true";
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.text(name)?.toLowerCase();
    const known = values.find((candidate) => candidate === value);
    if (value !== undefined && known === undefined) {
      this.warn(name, `"${value}" is not one of ${values.join(",")}; it is ignored`);
    }
    return known;
  }

  integer(name: string, least: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (Number.isSafeInteger(number) && number >= least && number < 2 ** 31) return number;
    this.warn(name, `"${value}" is not a whole number of at least ${least}; it is ignored`);
    return undefined;
  }
}
