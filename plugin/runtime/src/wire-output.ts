// Collects what a new message is made of, so that its bytes are copied once, into an array of exactly their length: the
// length of a message stands before it, and is known only after what it holds.

/** What a new message is made of: ranges of the bytes of an old one, and new tags and lengths. */
export class WireOutput {
  /** Pairs: start and end of a range, or a negated tag and the length after it, -1 if none stands there. */
  readonly #parts: number[] = [];

  /** Adds a range of the old bytes. Returns its length. */
  copy(start: number, end: number): number {
    const parts = this.#parts;
    const last = parts.length - 1;
    if (last > 0 && parts[last] === start && (parts[last - 1] as number) >= 0) parts[last] = end;
    else parts.push(start, end);
    return end - start;
  }

  /** Adds a tag. Returns its length. */
  addTag(tag: number): number {
    this.#parts.push(-tag, -1);
    return varintLength(tag);
  }

  /** Adds a tag and room for a length. Returns what `setLength` needs. */
  addTagAndLength(tag: number): number {
    return this.#parts.push(-tag, 0) - 1;
  }

  /** Says the length of what was added since. Returns how long tag, length and that are together. */
  setLength(at: number, length: number): number {
    this.#parts[at] = length;
    return varintLength(-(this.#parts[at - 1] as number)) + varintLength(length) + length;
  }

  /** The new message. `length` is that of all that was added. */
  toBytes(old: Uint8Array, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const parts = this.#parts;
    let at = 0;
    for (let i = 0; i < parts.length; i += 2) {
      const first = parts[i] as number;
      const second = parts[i + 1] as number;
      if (first >= 0) {
        copyRange(old, first, second, bytes, at);
        at += second - first;
      } else {
        at = writeVarint(bytes, at, -first);
        if (second >= 0) at = writeVarint(bytes, at, second);
      }
    }
    return bytes;
  }
}

/** Below this, a loop is quicker than making a view for `set`. */
const SHORT = 32;

function copyRange(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > SHORT) to.set(from.subarray(start, end), at);
  else for (let i = start; i < end; i++) to[at++] = from[i] as number;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length++;
  return length;
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}
