// Encoded messages by hand: record by record, right or wrong, as no encoder would write them.

/** Joins bytes; a text stands for its UTF-8. */
export function join(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))));
}

/** A varint, padded to this many bytes at least. */
export function varint(value: number | bigint, length = 1): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn || bytes.length + 1 < length) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Uint8Array.of(...bytes, Number(rest));
}

function tag(number: number, wireType: number): Uint8Array {
  return varint(number * 8 + wireType);
}

export function int(number: number, value: number | bigint): Uint8Array {
  return join(tag(number, 0), varint(value));
}

export function fixed64(number: number, value: bigint): Uint8Array {
  const payload = Buffer.alloc(8);
  payload.writeBigInt64LE(BigInt.asIntN(64, value));
  return join(tag(number, 1), payload);
}

export function fixed32(number: number, value: number): Uint8Array {
  const payload = Buffer.alloc(4);
  payload.writeInt32LE(value | 0);
  return join(tag(number, 5), payload);
}

/** A string, bytes, a message, a packed list or an entry. */
export function sized(number: number, ...payload: readonly (Uint8Array | string)[]): Uint8Array {
  const bytes = join(...payload);
  return join(tag(number, 2), varint(bytes.length), bytes);
}

export function group(number: number, ...payload: readonly Uint8Array[]): Uint8Array {
  return join(tag(number, 3), ...payload, tag(number, 4));
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
