// A process that starts tracing, makes one span, stops, and prints what it had to load for it.
import { registerHooks } from "node:module";
import type { SpanCounts } from "../../server/src/telemetry/tracing.ts";

export interface LoadReport {
  readonly enabled: boolean;
  readonly warnings: readonly string[];
  readonly counts: SpanCounts;
  /** Names of all packages of which a module was loaded, by import or require. */
  readonly packages: readonly string[];
  readonly importMs: number;
  readonly startMs: number;
  readonly rssMb: number;
}

const packages = new Set<string>();
registerHooks({
  load(url, context, next) {
    const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
    if (name !== undefined) packages.add(name);
    return next(url, context);
  },
});

const rssBefore = process.memoryUsage().rss;
const begin = performance.now();
const { startTracing } = await import("../../server/src/telemetry/tracing.ts");
const { tracer } = await import("../../server/src/telemetry/spans.ts");
await import("../../server/src/telemetry/carrier.ts");
const imported = performance.now();
const tracing = await startTracing(process.env, { name: "loading", version: "0", instanceId: "0" });
const started = performance.now();
const rssAfter = process.memoryUsage().rss;
tracer().startSpan("one").end();
await tracing.shutdown();

const report: LoadReport = {
  enabled: tracing.enabled,
  warnings: tracing.warnings,
  counts: tracing.counts(),
  packages: [...packages].toSorted(),
  importMs: imported - begin,
  startMs: started - imported,
  rssMb: (rssAfter - rssBefore) / 1e6,
};
console.log(JSON.stringify(report));
