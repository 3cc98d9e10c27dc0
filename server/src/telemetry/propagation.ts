/** The forms in which a trace travels in headers: W3C Trace Context, W3C Baggage and Jaeger's own, in and out. */
import {
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  TraceFlags,
  isSpanContextValid,
  trace,
} from "@opentelemetry/api";
import { BaggagePropagator } from "./baggage.ts";
import { headerOf } from "./header-of.ts";
import { formatTraceParent, parseTraceParent } from "./trace-parent.ts";

/** `traceparent` and `tracestate`. Wins over every other form in the same carrier. */
export class TraceContextPropagator implements TextMapPropagator {
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const value = headerOf(carrier, getter, "traceparent");
    if (value === undefined) return context;
    const span = parseTraceParent(value, headerOf(carrier, getter, "tracestate"));
    return span === undefined ? context : trace.setSpanContext(context, span);
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpanContext(context);
    if (span === undefined || !isSpanContextValid(span)) return;
    setter.set(carrier, "traceparent", formatTraceParent(span));
    const state = span.traceState?.serialize() ?? "";
    if (state !== "") setter.set(carrier, "tracestate", state);
  }

  fields(): string[] {
    return ["traceparent", "tracestate"];
  }
}

const uberHeader = "uber-trace-id";
/** trace id : span id : parent span id (long unused) : flags; ids without their leading zeros. */
const uberPattern = /^([0-9a-f]{1,32}):([0-9a-f]{1,16}):[0-9a-f]{0,16}:([0-9a-f]{1,2})$/i;
/** 1 sampled, 2 debug; debug means sampled whatever the sampler says. */
const uberSampled = 0b11;

/**
 * `uber-trace-id`, the header of Jaeger's own clients. OpenTelemetry deprecated it and dropped its propagator with 3.0;
 * Jaeger's clients are still out there. Yields to a W3C context that the same carrier brought.
 */
export class UberPropagator implements TextMapPropagator {
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const value = headerOf(carrier, getter, uberHeader);
    if (value === undefined || trace.getSpanContext(context)?.isRemote === true) return context;
    const match = uberPattern.exec(decoded(value).trim());
    if (match === null) return context;
    const [, traceId = "", spanId = "", flags = ""] = match;
    const span = {
      traceId: traceId.toLowerCase().padStart(32, "0"),
      spanId: spanId.toLowerCase().padStart(16, "0"),
      traceFlags: (Number.parseInt(flags, 16) & uberSampled) === 0 ? TraceFlags.NONE : TraceFlags.SAMPLED,
      isRemote: true,
    };
    return isSpanContextValid(span) ? trace.setSpanContext(context, span) : context;
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpanContext(context);
    if (span === undefined || !isSpanContextValid(span)) return;
    setter.set(
      carrier,
      uberHeader,
      `${span.traceId}:${span.spanId}:0:${span.traceFlags & TraceFlags.SAMPLED}`,
    );
  }

  fields(): string[] {
    return [uberHeader];
  }
}

/** Clients write the colons as %3A where the header is a URL's part as well. */
function decoded(value: string): string {
  if (!value.includes("%")) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** All of them, in order; the order does not decide who wins. */
export class CompositePropagator implements TextMapPropagator {
  readonly #parts: readonly TextMapPropagator[];

  constructor(parts: readonly TextMapPropagator[]) {
    this.#parts = parts;
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    let extracted = context;
    for (const part of this.#parts) extracted = part.extract(extracted, carrier, getter);
    return extracted;
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    for (const part of this.#parts) part.inject(context, carrier, setter);
  }

  fields(): string[] {
    return [...new Set(this.#parts.flatMap((part) => part.fields()))];
  }
}

/** The names that OTEL_PROPAGATORS may list, beside `none`. */
const propagators: Readonly<Record<string, () => TextMapPropagator>> = {
  tracecontext: () => new TraceContextPropagator(),
  baggage: () => new BaggagePropagator(),
  jaeger: () => new UberPropagator(),
};

export const defaultPropagators = "tracecontext,baggage,jaeger";

/**
 * Makes the propagator that OTEL_PROPAGATORS asks for. Names it does not know are left out, with a warning each;
 * `none` anywhere means none.
 */
export function createPropagator(list: string | undefined): {
  propagator: TextMapPropagator;
  warnings: string[];
} {
  const given = list === undefined || list.trim() === "" ? defaultPropagators : list;
  const names = [...new Set(given.split(",").map((name) => name.trim().toLowerCase()))].filter(
    (name) => name !== "",
  );
  if (names.includes("none")) return { propagator: new CompositePropagator([]), warnings: [] };
  const known = names.filter((name) => Object.hasOwn(propagators, name));
  return {
    propagator: new CompositePropagator(known.map((name) => propagators[name]!())),
    warnings: names
      .filter((name) => !known.includes(name))
      .map((name) => `OTEL_PROPAGATORS: "${name}" is not one of ${defaultPropagators},none; it is left out`),
  };
}
