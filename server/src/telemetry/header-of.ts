import type { TextMapGetter } from "@opentelemetry/api";

/** One header of a carrier; several of one name count as one, joined by commas (RFC 9110, 5.3). */
export function headerOf(carrier: unknown, getter: TextMapGetter, name: string): string | undefined {
  const value = getter.get(carrier, name);
  if (value === undefined || value === "") return undefined;
  return typeof value === "string" ? value : value.join(",");
}
