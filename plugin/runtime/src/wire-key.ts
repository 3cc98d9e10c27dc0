// The keys of encoded maps as the texts that masks have: one number has one spelling.

import type { ScalarType } from "./schema.ts";
import { low32Bits } from "./wire-reader.ts";

/** Browsers and Node have it; our compiler knows neither of them. */
declare const TextDecoder: new (
  label: "utf-8",
  options: { readonly ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

// A byte order mark is part of the text. The decoder is made when the first key needs it.
let utf8: InstanceType<typeof TextDecoder> | undefined;

/** Longer keys are given to the decoder, which is slow to start and quick to go on. */
const MAX_ASCII_LENGTH = 32;

/** The text of the key of this type that is encoded between two positions. */
export function readKeyText(type: ScalarType, bytes: Uint8Array, start: number, end: number): string {
  switch (type) {
    case "string":
      return readText(bytes, start, end);
    case "bool":
      return String(readUint64(bytes, start, end) !== 0n);
    case "uint32":
      return String(low32Bits(bytes, start, end) >>> 0);
    case "sint32": {
      const zigzag = low32Bits(bytes, start, end);
      return String((zigzag >>> 1) ^ -(zigzag & 1));
    }
    case "int64":
      return String(BigInt.asIntN(64, readUint64(bytes, start, end)));
    case "uint64":
      return String(readUint64(bytes, start, end));
    case "sint64": {
      const zigzag = readUint64(bytes, start, end);
      return String((zigzag >> 1n) ^ -(zigzag & 1n));
    }
    case "fixed32":
      return String(viewOf(bytes, start, end).getUint32(0, true));
    case "sfixed32":
      return String(viewOf(bytes, start, end).getInt32(0, true));
    case "fixed64":
      return String(viewOf(bytes, start, end).getBigUint64(0, true));
    case "sfixed64":
      return String(viewOf(bytes, start, end).getBigInt64(0, true));
    default:
      return String(low32Bits(bytes, start, end));
  }
}

/** The text of the key of an entry without one: the default of its type. */
export function defaultKeyText(type: ScalarType): string {
  if (type === "string") return "";
  return type === "bool" ? "false" : "0";
}

function readText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= MAX_ASCII_LENGTH) {
    let text = "";
    let i = start;
    for (; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (i === end) return text;
  }
  utf8 ??= new TextDecoder("utf-8", { ignoreBOM: true });
  return utf8.decode(bytes.subarray(start, end));
}

/** A varint holds ten times seven bits, of which decoders take 64. */
function readUint64(bytes: Uint8Array, start: number, end: number): bigint {
  let value = 0n;
  for (let i = end - 1; i >= start; i--) value = (value << 7n) | BigInt((bytes[i] as number) & 0x7f);
  return BigInt.asUintN(64, value);
}

function viewOf(bytes: Uint8Array, start: number, end: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
}
