// Whether what an operation gives back shares anything with what it was given that somebody could change.

/** Everything below a value that can be changed in place: objects of "long" cannot, and empty bytes have nothing. */
function partsOf(value: unknown): Set<object> {
  const parts = new Set<object>();
  const queue = [value];
  while (queue.length > 0) {
    const next = queue.pop();
    if (typeof next !== "object" || next === null || parts.has(next) || isLong(next)) continue;
    if (!(next instanceof Uint8Array && next.length === 0)) parts.add(next);
    if (next instanceof Uint8Array || next instanceof Date) continue;
    if (next instanceof Map) queue.push(...next.values());
    else queue.push(...Object.values(next));
  }
  return parts;
}

function isLong(value: object): boolean {
  return Object.hasOwn(value, "high") && Object.hasOwn(value, "unsigned");
}

/** What of one value is also in the other: an object, or memory of bytes. */
export function shared(a: unknown, b: unknown): object[] {
  const parts = partsOf(b);
  const bytes = [...parts].filter((part) => part instanceof Uint8Array);
  return [...partsOf(a)].filter(
    (part) => parts.has(part) || (part instanceof Uint8Array && bytes.some((other) => overlap(part, other))),
  );
}

function overlap(a: Uint8Array, b: Uint8Array): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length
  );
}
