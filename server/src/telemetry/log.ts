/** The log: lines of JSON, with the active trace, without secrets. */
import { isSpanContextValid, trace } from "@opentelemetry/api";
import { type Logger, destination as openDestination, pino, stdTimeFunctions } from "pino";
import { redact, scrub } from "./redact.ts";

export type { Logger } from "pino";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogDestination {
  /** One line, with its newline. */
  write(line: string): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Which part or process writes; `name` in each line. */
  readonly name: string;
  /** Standard output if left out. */
  readonly destination?: LogDestination;
}

/**
 * Makes a logger. `logger.error({ err }, "…")` writes an error with its causes.
 * Secrets are taken out by the name of their field or header, at any depth and in child bindings, and out of text by shape.
 */
export function createLogger({ level, name, destination }: LoggerOptions): Logger {
  const logger = pino(
    {
      level,
      base: { name, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      mixin: activeTrace,
      // `redact` of pino knows paths only, not names anywhere.
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      // Errors are serialised by redact; pino's own serialiser would add everything that hangs on them.
      serializers: { err: (error: unknown) => error },
      hooks: { streamWrite: scrub },
    },
    destination ?? openStandardOutput(),
  );
  redactChildren(logger);
  return logger;
}

/** How much of the log waits until it can be written; more is lost. */
const maxWaitingBytes = 1024 * 1024;

/** A disk that is full costs lines of the log, and not the process. What waits is written with the next line that can be. */
function openStandardOutput(): LogDestination {
  // Without a least length `flush` would do nothing.
  const stream = openDestination({ dest: 1, sync: true, minLength: 1, maxLength: maxWaitingBytes });
  stream.on("error", () => {});
  // A line for which there is no room tries nothing by itself: it would stay so for ever.
  stream.on("drop", () => stream.flush());
  return stream;
}

/** Changes the level. `tell` writes a line of level info about it, which is seen if the old level or the new one lets it. */
export function changeLevel(logger: Logger, level: LogLevel, tell: () => void): void {
  const isSeen = logger.isLevelEnabled("info");
  if (isSeen) tell();
  logger.level = level;
  if (!isSeen) tell();
}

/** pino formats the bindings of a first child only; children inherit from their parent, so one override serves all. */
function redactChildren(logger: Logger): void {
  const createChild: Function = logger.child;
  Object.defineProperty(logger, "child", {
    value: function (this: Logger, bindings: object, options?: object): unknown {
      return createChild.call(this, redact(bindings), options);
    },
  });
}

function activeTrace(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  if (span === undefined || !isSpanContextValid(span)) return {};
  return { trace_id: span.traceId, span_id: span.spanId };
}
