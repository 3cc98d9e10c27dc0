const pattern =
  /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/**
 * Milliseconds since the Unix epoch, or undefined if the text is no time of RFC 3339 with at most nanoseconds. One
 * between two milliseconds is half a millisecond after the first: no time that is kept to the millisecond equals it.
 */
export function timeIn(text: string): number | undefined {
  const [, date = "", clock = "", fraction = "", sign, hours, minutes] = pattern.exec(text) ?? [];
  const seconds = Date.parse(`${date}T${clock}Z`);
  // Date takes the 30th of February for a day in March.
  if (Number.isNaN(seconds) || new Date(seconds).toISOString().slice(0, 19) !== `${date}T${clock}`) {
    return undefined;
  }
  const digits = fraction.padEnd(9, "0");
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000 * (sign === "-" ? -1 : 1);
  const between = digits.endsWith("000000") ? 0 : 0.5;
  return seconds - offset + Number(digits.slice(0, 3)) + between;
}
