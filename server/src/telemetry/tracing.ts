/**
 * Tracing of one process: started first and stopped last. The propagator is always there, so that a caller's trace goes
 * through to the target; the SDK is loaded only when OTEL_* variables ask for it.
 */
import { type DiagLogger, DiagLogLevel, context, diag, propagation, trace } from "@opentelemetry/api";
import { createPropagator } from "./propagation.ts";
import { scrub } from "./redact.ts";
import type { Sdk } from "./sdk.ts";
import { type Env, type TracingSettings, readTracingSettings } from "./tracing-settings.ts";

/** Who the spans come from. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over it. */
export interface Service {
  readonly name: string;
  readonly version: string;
  /** Differs between the processes of one service. */
  readonly instanceId: string;
}

/** Since the start of tracing. What is still queued is in none of them. */
export interface SpanCounts {
  /** Taken by the collector. */
  readonly exported: number;
  /** Thrown away because the queue was full: the collector is too slow, or OTEL_BSP_MAX_QUEUE_SIZE too small. */
  readonly dropped: number;
  /** Lost because the collector refused them or could not be reached. */
  readonly failed: number;
}

export interface Tracing {
  readonly enabled: boolean;
  /** What is wrong with the OTEL_* variables, one line each; for the log. */
  readonly warnings: readonly string[];
  counts(): SpanCounts;
  /**
   * Sends what is queued and unregisters. Never rejects, and ends in time; an exporter that still tries then may keep
   * an idle process alive for its own timeout (10 s), so end the process with process.exit. Later calls do nothing new.
   */
  shutdown(): Promise<void>;
}

const noCounts: SpanCounts = { exported: 0, dropped: 0, failed: 0 };

/** What is registered in the API's globals is that of the last start; only its own shutdown takes it away. */
let current: object | undefined;

/**
 * Never rejects: what is wrong with the variables or the SDK is a warning.
 *
 * @param env usually process.env; the exporters read headers, certificates, timeout and compression from process.env
 * @param onProblem told when spans cannot be exported, at most once in ten seconds and once more at shutdown; for the log
 */
export async function startTracing(
  env: Env,
  service: Service,
  onProblem: (message: string) => void = nothing,
  shutdownTimeoutMs = 5_000,
): Promise<Tracing> {
  const { propagator, warnings } = createPropagator(env["OTEL_PROPAGATORS"]);
  const read = readTracingSettings(env);
  warnings.push(...read.warnings);

  const token = {};
  unregister();
  current = token;
  propagation.setGlobalPropagator(propagator);

  const sdk =
    read.settings === undefined ? undefined : await start(read.settings, service, warnings, onProblem);
  const shutdown = async (): Promise<void> => {
    const problem = sdk === undefined ? undefined : await problemOf(sdk.close(), shutdownTimeoutMs);
    if (problem !== undefined) onProblem(`spans not exported: ${problem}`);
    if (current === token) unregister();
  };
  let ended: Promise<void> | undefined;
  return {
    enabled: sdk !== undefined,
    warnings,
    counts: () => sdk?.counts() ?? noCounts,
    shutdown: () => (ended ??= shutdown()),
  };
}

async function start(
  settings: TracingSettings,
  service: Service,
  warnings: string[],
  onProblem: (message: string) => void,
): Promise<Sdk | undefined> {
  let report = (message: string): void => void warnings.push(message);
  // The SDK and its exporters complain here; debug and info stay off, they print whole batches.
  diag.setLogger(
    diagTo((message) => report(message)),
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  try {
    const { openSdk } = await import("./sdk.ts");
    const sdk = await openSdk(settings, service, (error) =>
      report(`spans not exported: ${messageOf(error)}`),
    );
    trace.setGlobalTracerProvider(sdk.provider);
    context.setGlobalContextManager(sdk.contextManager);
    report = rarely(onProblem, 10_000);
    return sdk;
  } catch (error) {
    warnings.push(`tracing is off: ${messageOf(error)}`);
    return undefined;
  }
}

function unregister(): void {
  trace.disable();
  context.disable();
  propagation.disable();
  diag.disable();
  current = undefined;
}

/** Resolves when `work` has ended, with what went wrong, or when the time is over. */
async function problemOf(work: Promise<void>, timeoutMs: number): Promise<string | undefined> {
  const { promise: timeout, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, timeoutMs, `the collector did not answer in ${timeoutMs} ms`);
  try {
    return await Promise.race([work.then(() => undefined, messageOf), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return scrub(error instanceof Error ? error.message : String(error));
}

const nothing = (): void => {};

function diagTo(report: (message: string) => void): DiagLogger {
  const write = (message: string, ...details: unknown[]): void =>
    report(scrub([message, ...details.map(messageOf)].join(" ")));
  return { error: write, warn: write, info: nothing, debug: nothing, verbose: nothing };
}

/** The first at once; those of the next `intervalMs` are counted, and the number is told with the next after them. */
function rarely(report: (message: string) => void, intervalMs: number): (message: string) => void {
  let quietUntil = -Infinity;
  let suppressed = 0;
  return (message) => {
    const now = performance.now();
    if (now < quietUntil) {
      suppressed += 1;
      return;
    }
    report(suppressed === 0 ? message : `${message} (and ${suppressed} more before)`);
    quietUntil = now + intervalMs;
    suppressed = 0;
  };
}
