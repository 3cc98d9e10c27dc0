// Goes through an encoded message record by record, without decoding what is in them. Reads nothing twice and calls
// nothing recursively, whatever the bytes are. Wire format: https://protobuf.dev/programming-guides/encoding/

/** Thrown for bytes that are no protobuf message. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
  readonly code = "MALFORMED";
  /** Where the damage is, in bytes from the start of the message. */
  readonly offset: number;

  constructor(offset: number, problem: string) {
    super(`malformed message at byte ${offset}: ${problem}`);
    this.offset = offset;
  }
}

/** Wire types: the lowest three bits of a tag. */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
export const START_GROUP = 3;
export const END_GROUP = 4;
export const FIXED32 = 5;

/** A 64-bit varint has no more bytes. */
const MAX_VARINT_BYTES = 10;

/** The number of the field that a tag is of. */
export function fieldNumberOf(tag: number): number {
  return tag >>> 3;
}

/** Reads the records of a message. Instead of returning objects it sets positions: there may be very many records. */
export class WireReader {
  readonly bytes: Uint8Array;
  /** Where the next record starts. */
  position = 0;
  /** The payload of the record that was read last: without tag and length, and without the end tag of a group. */
  payloadStart = 0;
  payloadEnd = 0;
  #groupEnds: Map<number, number> | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Reads one record of those that end at `end`, and returns its tag. */
  next(end: number): number {
    const start = this.position;
    const tag = this.#readTag(end);
    this.payloadStart = this.position;
    switch (tag & 7) {
      case LENGTH_DELIMITED: {
        const length = this.#readLength(end);
        this.payloadStart = this.position;
        this.position += length;
        break;
      }
      case START_GROUP:
        this.payloadEnd = this.#skipGroup(fieldNumberOf(tag), start, end);
        return tag;
      case END_GROUP:
        throw new MalformedError(start, `the end of group ${fieldNumberOf(tag)}, which has not started`);
      default:
        this.#skipScalar(tag, start, end);
    }
    this.payloadEnd = this.position;
    return tag;
  }

  /** The varint of the record that was read last, as 32-bit decoders see it. */
  readInt32(): number {
    return low32Bits(this.bytes, this.payloadStart, this.payloadEnd);
  }

  /**
   * From now on, remembers where groups end. A reader that goes into them, one inside of the other, would otherwise
   * look for the end of the innermost as often as there are groups around it.
   */
  rememberGroups(): void {
    this.#groupEnds ??= new Map();
  }

  #readTag(end: number): number {
    const start = this.position;
    let tag = this.bytes[start] as number;
    this.position = start + 1;
    if (tag >= 0x80) tag = this.#readLongTag(tag, start, end);
    if (fieldNumberOf(tag) === 0) throw new MalformedError(start, "field number 0");
    return tag;
  }

  #readLongTag(first: number, start: number, end: number): number {
    let tag = first & 0x7f;
    for (let position = start + 1, shift = 7; position < end; position++, shift += 7) {
      const byte = this.bytes[position] as number;
      if (shift === 28 && byte > 0x0f) throw new MalformedError(start, "a tag of more than 32 bits");
      tag |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = position + 1;
        return tag >>> 0;
      }
    }
    throw new MalformedError(start, "the end, inside of a tag");
  }

  #readLength(end: number): number {
    const start = this.position;
    const first = this.bytes[start] as number;
    if (first < 0x80 && first < end - start) {
      this.position = start + 1;
      return first;
    }
    const last = start + MAX_VARINT_BYTES;
    let length = 0;
    // Not by shifts: a length that does not fit into 32 bits must not pass for a small one.
    for (let position = start, unit = 1; position < end && position < last; unit *= 128) {
      const byte = this.bytes[position++] as number;
      length += (byte & 0x7f) * unit;
      if (byte >= 0x80) continue;
      this.position = position;
      if (length > end - position) throw new MalformedError(start, `length ${length} reaches beyond the end`);
      return length;
    }
    throw unfinishedVarint(start, end);
  }

  #skipScalar(tag: number, start: number, end: number): void {
    switch (tag & 7) {
      case VARINT:
        return this.#skipVarint(end);
      case FIXED64:
        return this.#skipBytes(8, start, end);
      case FIXED32:
        return this.#skipBytes(4, start, end);
      default:
        throw new MalformedError(start, `wire type ${tag & 7}`);
    }
  }

  #skipVarint(end: number): void {
    const start = this.position;
    const last = start + MAX_VARINT_BYTES;
    for (let position = start; position < end && position < last;) {
      if ((this.bytes[position++] as number) >= 0x80) continue;
      this.position = position;
      return;
    }
    throw unfinishedVarint(start, end);
  }

  #skipBytes(count: number, start: number, end: number): void {
    if (count > end - this.position) throw new MalformedError(start, `the end, inside of ${count} bytes`);
    this.position += count;
  }

  /** Goes behind the end tag of a group, and returns where that tag starts. */
  #skipGroup(number: number, start: number, end: number): number {
    const known = this.#groupEnds?.get(this.position);
    if (known !== undefined) {
      this.position = known;
      this.#readTag(end);
      return known;
    }
    const numbers = [number];
    const payloads = [this.position];
    while (this.position < end) {
      const recordStart = this.position;
      const tag = this.#readTag(end);
      switch (tag & 7) {
        case START_GROUP:
          numbers.push(fieldNumberOf(tag));
          payloads.push(this.position);
          break;
        case END_GROUP: {
          const expected = numbers.pop();
          if (fieldNumberOf(tag) !== expected) {
            throw new MalformedError(
              recordStart,
              `the end of group ${fieldNumberOf(tag)} instead of ${expected}`,
            );
          }
          this.#groupEnds?.set(payloads.pop() as number, recordStart);
          if (numbers.length === 0) return recordStart;
          break;
        }
        case LENGTH_DELIMITED: {
          const length = this.#readLength(end);
          this.position += length;
          break;
        }
        default:
          this.#skipScalar(tag, recordStart, end);
      }
    }
    throw new MalformedError(start, `the end, inside of group ${number}`);
  }
}

function unfinishedVarint(start: number, end: number): MalformedError {
  const tooLong = end - start >= MAX_VARINT_BYTES;
  return new MalformedError(
    start,
    tooLong ? `a varint of more than ${MAX_VARINT_BYTES} bytes` : "the end, inside of a varint",
  );
}

/** The lowest 32 bits of the varint between two positions, signed. Decoders of 32-bit types drop the others. */
export function low32Bits(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start, shift = 0; i < end && shift < 32; i++, shift += 7) {
    value |= ((bytes[i] as number) & 0x7f) << shift;
  }
  return value;
}
