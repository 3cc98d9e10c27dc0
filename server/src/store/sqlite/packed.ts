/**
 * What goes between the event loop and the writing thread many thousand times a second: a flat list of plain values and
 * one piece of memory for all bytes. Structured clone spells out the name of every property of every object and gives
 * each body memory of its own. For a job of 100 bytes, to and fro: 3 µs this way, 8 µs as an object, 16 µs as the nested
 * object of a claim.
 */
export type PlainValue = string | number | null;

export interface Packed {
  readonly values: readonly PlainValue[];
  /** All blobs, one behind the other. */
  readonly bytes: Uint8Array;
}

/** Takes values in an order; {@link Unpacker} gives them back in the same. */
export class Packer {
  readonly #values: PlainValue[] = [];
  readonly #blobs: Uint8Array[] = [];
  #size = 0;

  add(...values: readonly PlainValue[]): void {
    for (const value of values) this.#values.push(value);
  }

  /** Copied when the packing ends; until then the bytes must stay as they are. */
  addBlob(bytes: Uint8Array | null): void {
    this.#values.push(bytes === null ? null : bytes.length);
    if (bytes === null || bytes.length === 0) return;
    this.#blobs.push(bytes);
    this.#size += bytes.length;
  }

  finish(): Packed {
    const bytes = new Uint8Array(this.#size);
    let at = 0;
    for (const blob of this.#blobs) {
      bytes.set(blob, at);
      at += blob.length;
    }
    return { values: this.#values, bytes };
  }
}

/** Reads what a {@link Packer} took, in the same order. What a value is, only the order tells: each is taken as the asked type. */
export class Unpacker {
  readonly #packed: Packed;
  #next = 0;
  #offset = 0;

  constructor(packed: Packed) {
    this.#packed = packed;
  }

  number(): number {
    return this.#packed.values[this.#next++] as number;
  }

  text(): string {
    return this.#packed.values[this.#next++] as string;
  }

  numberOrNull(): number | null {
    return this.#packed.values[this.#next++] as number | null;
  }

  textOrNull(): string | null {
    return this.#packed.values[this.#next++] as string | null;
  }

  /** A view of the memory that all blobs share. */
  blob(): Uint8Array | null {
    const length = this.numberOrNull();
    return length === null ? null : this.#packed.bytes.subarray(this.#offset, (this.#offset += length));
  }
}
