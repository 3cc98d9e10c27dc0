// Whether what an operation gives back shares anything with what it was given that somebody could change.

/** All that is in some values and can be changed in place. */
export class Parts {
  readonly #objects: ReadonlySet<object>;
  readonly #byBuffer = new Map<ArrayBufferLike, Uint8Array[]>();

  constructor(value: unknown) {
    this.#objects = partsOf(value);
    for (const part of this.#objects) {
      if (!(part instanceof Uint8Array)) continue;
      const others = this.#byBuffer.get(part.buffer);
      if (others === undefined) this.#byBuffer.set(part.buffer, [part]);
      else others.push(part);
    }
  }

  /** What of these is also in another value: an object, or memory of bytes. */
  sharedWith(value: unknown): object[] {
    return [...partsOf(value)].filter((part) => this.#objects.has(part) || this.#overlaps(part));
  }

  #overlaps(part: object): boolean {
    if (!(part instanceof Uint8Array)) return false;
    return (this.#byBuffer.get(part.buffer) ?? []).some((other) => overlap(part, other));
  }
}

/** Objects of "long" cannot be changed, and empty bytes have nothing to change. */
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

function overlap(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length;
}
