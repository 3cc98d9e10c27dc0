import type { Header } from "../job/job.ts";

/** RFC 9110, section 5.6.7: the form that is sent, and the two obsolete ones that must be understood. */
const httpDate =
  /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [\d ]\d \d{2}:\d{2}:\d{2} \d{4})$/;

/** The last millisecond of the year 9999: what a Timestamp can say. */
const maxTime = 253_402_300_799_999;

/**
 * When the target allows another attempt: its `Retry-After` (RFC 9110, section 10.2.3), in seconds or as a date, not cut
 * down. A date is read by the target's clock where its `Date` tells it, since clocks differ.
 *
 * @param headers names in lower case
 * @param now milliseconds since the epoch, when the response came
 * @returns milliseconds since the epoch; undefined if it says nothing, nothing readable, or a time that is over
 */
export function readRetryAfter(headers: readonly Header[], now: number): number | undefined {
  const value = find(headers, "retry-after");
  if (value === undefined) return undefined;
  const delayMs = /^\d+$/.test(value) ? Number(value) * 1000 : delayUntil(value, headers, now);
  return delayMs === undefined || delayMs <= 0 ? undefined : Math.min(now + delayMs, maxTime);
}

function delayUntil(value: string, headers: readonly Header[], now: number): number | undefined {
  const until = parseDate(value);
  if (until === undefined) return undefined;
  return until - (parseDate(find(headers, "date") ?? "") ?? now);
}

function parseDate(text: string): number | undefined {
  // Two forms do not name their zone, which is GMT.
  const time = httpDate.test(text) ? Date.parse(text.endsWith("GMT") ? text : `${text} GMT`) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

function find(headers: readonly Header[], name: string): string | undefined {
  return headers.find((header) => header.name === name)?.value.trim();
}
