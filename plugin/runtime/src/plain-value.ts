// Values that ts-proto and protobuf-es hold as plain JavaScript: what google.protobuf.Struct and its kin stand for, and
// bytes. Only own properties count, whatever their names are.

/** A deep copy. */
export function copyPlain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return Uint8Array.prototype.slice.call(value);
  if (Array.isArray(value)) return value.map(copyPlain);
  const copy: Record<string, unknown> = Object.create(Object.getPrototypeOf(value) as object | null);
  for (const [key, entry] of Object.entries(value)) {
    Object.defineProperty(copy, key, {
      value: copyPlain(entry),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return copy;
}

/**
 * What protobuf makes of two of google.protobuf.Struct, Value or ListValue: entries of Structs are put, lists appended, all
 * else is replaced. A copy.
 */
export function mergePlain(into: unknown, from: unknown): unknown {
  if (Array.isArray(into) && Array.isArray(from))
    return copyPlain([...(into as unknown[]), ...(from as unknown[])]);
  return isStruct(into) && isStruct(from) ? copyPlain({ ...into, ...from }) : copyPlain(from);
}

function isStruct(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True if both hold the same. The order of properties does not matter; undefined is as good as absent. */
export function equalPlain(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.length !== b.length) return false;
    return a.every((byte, i) => byte === b[i]);
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((entry, i) => equalPlain(entry, b[i]));
  }
  const left = definedEntries(a);
  const right = new Map(definedEntries(b));
  return (
    left.length === right.size &&
    left.every(([key, entry]) => right.has(key) && equalPlain(entry, right.get(key)))
  );
}

function definedEntries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, entry]) => entry !== undefined);
}
