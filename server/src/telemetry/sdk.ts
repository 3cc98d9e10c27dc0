/**
 * The only file that imports OpenTelemetry's SDK. tracing.ts imports it only when tracing is on: it costs a process
 * 200 ms and 25 MB.
 */
import { hostname } from "node:os";
import { type Attributes, type Counter, type MeterProvider, createNoopMeter } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { setGlobalErrorHandler } from "@opentelemetry/core";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Service, SpanCounts } from "./tracing.ts";
import type { SamplerName, TracingSettings } from "./tracing-settings.ts";

export interface Sdk {
  readonly provider: TracerProvider;
  readonly contextManager: AsyncLocalStorageContextManager;
  counts(): SpanCounts;
  /** Sends what is queued and closes. Rejects if not all of it could be sent; the time is the exporter's. */
  close(): Promise<void>;
}

export async function openSdk(
  settings: TracingSettings,
  service: Service,
  onExportError: (error: unknown) => void,
): Promise<Sdk> {
  setGlobalErrorHandler(onExportError);
  const tally = new SpanTally();
  const exporter = await createExporter(settings);
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        "service.name": service.name,
        "service.version": service.version,
        "service.instance.id": service.instanceId,
        "host.name": hostname(),
        "process.pid": process.pid,
        ...settings.resource,
      }),
    ),
    sampler: createSampler(settings.sampler, settings.samplerRatio),
    spanProcessors: [new BatchSpanProcessor({ exporter, ...settings.batch, selfObsMeterProvider: tally })],
  });
  return {
    provider,
    contextManager: new AsyncLocalStorageContextManager().enable(),
    counts: () => ({ exported: tally.exported, dropped: tally.dropped, failed: tally.failed }),
    close: async () => {
      try {
        await provider.shutdown();
      } finally {
        // The processor leaves the exporter, and its connection, open when its last batch failed.
        await exporter.shutdown();
      }
    },
  };
}

/** Headers, certificates, timeout and compression the exporters read from process.env themselves. */
async function createExporter({ protocol, url, batch }: TracingSettings): Promise<SpanExporter> {
  const options = {
    ...(url === undefined ? {} : { url }),
    // At shutdown the processor sends all its batches at once, and loses those beyond the limit (by default 30).
    concurrencyLimit: Math.max(30, Math.ceil(batch.maxQueueSize / batch.maxExportBatchSize) + 1),
  };
  switch (protocol) {
    case "grpc": {
      const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-grpc");
      return new OTLPTraceExporter(options);
    }
    case "http/protobuf": {
      const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
      return new OTLPTraceExporter(options);
    }
    default:
      return protocol satisfies never;
  }
}

function createSampler(name: SamplerName, ratio: number): Sampler {
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
    case "parentbased_always_on":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
    default:
      return name satisfies never;
  }
}

/**
 * Counts what the processor did with the spans. The SDK tells it through a meter only (its semantic conventions for
 * SDK metrics: one counter, the reason in `error.type`), so this is a meter provider that knows that counter.
 */
class SpanTally implements MeterProvider {
  exported = 0;
  dropped = 0;
  failed = 0;

  getMeter(): ReturnType<typeof createNoopMeter> {
    const meter = createNoopMeter();
    const counter: Counter = { add: (count, attributes) => this.#add(count, attributes) };
    return Object.assign(Object.create(meter) as typeof meter, {
      createCounter: (name: string) =>
        name === "otel.sdk.processor.span.processed" ? counter : meter.createCounter(name),
    });
  }

  #add(count: number, attributes: Attributes | undefined): void {
    const problem = attributes?.["error.type"];
    if (problem === undefined) this.exported += count;
    else if (problem === "queue_full") this.dropped += count;
    else this.failed += count;
  }
}
