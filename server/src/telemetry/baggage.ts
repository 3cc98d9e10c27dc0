/** W3C Baggage (https://www.w3.org/TR/baggage/): why it is not taken from @opentelemetry/core, see trace-parent.ts. */
import {
  type BaggageEntry,
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  baggageEntryMetadataFromString,
  propagation,
} from "@opentelemetry/api";
import { headerOf } from "./header-of.ts";

const header = "baggage";
/** Limits of the specification, section 3.3.2. */
const maxEntries = 180;
const maxLength = 8192;

export class BaggagePropagator implements TextMapPropagator {
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const value = headerOf(carrier, getter, header);
    if (value === undefined || value.length > maxLength) return context;
    const entries: Record<string, BaggageEntry> = {};
    let count = 0;
    for (const member of value.split(",", maxEntries)) {
      const parsed = parseMember(member);
      if (parsed === undefined) continue;
      entries[parsed.key] = parsed.entry;
      count += 1;
    }
    return count === 0 ? context : propagation.setBaggage(context, propagation.createBaggage(entries));
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const members =
      propagation.getBaggage(context)?.getAllEntries().slice(0, maxEntries).map(formatMember) ?? [];
    while (members.join(",").length > maxLength) members.pop();
    if (members.length > 0) setter.set(carrier, header, members.join(","));
  }

  fields(): string[] {
    return [header];
  }
}

function formatMember([key, entry]: [string, BaggageEntry]): string {
  const metadata = entry.metadata === undefined ? "" : `;${entry.metadata.toString()}`;
  return `${encodeURIComponent(key)}=${encodeURIComponent(entry.value)}${metadata}`;
}

function parseMember(member: string): { key: string; entry: BaggageEntry } | undefined {
  const semicolon = member.indexOf(";");
  const pair = semicolon === -1 ? member : member.slice(0, semicolon);
  const equals = pair.indexOf("=");
  if (equals < 1) return undefined;
  try {
    const key = decodeURIComponent(pair.slice(0, equals).trim());
    const value = decodeURIComponent(pair.slice(equals + 1).trim());
    if (key === "" || key === "__proto__" || value === "") return undefined;
    if (semicolon === -1) return { key, entry: { value } };
    return { key, entry: { value, metadata: baggageEntryMetadataFromString(member.slice(semicolon + 1)) } };
  } catch {
    return undefined;
  }
}
