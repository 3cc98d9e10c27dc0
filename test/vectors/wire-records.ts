// Encoded messages as trees of records, and changes to them that no encoder makes but every decoder must understand.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { fixed32, fixed64, group, int, join, sized, varint } from "../fieldmask/wire-bytes.ts";

/** One record of a message. */
export interface WireRecord {
  readonly number: number;
  readonly wireType: WireType;
  /** The field that it is of. Records of unknown fields, and keys of map entries, have none. */
  readonly field: DescField | undefined;
  /** What it holds: records, if it is a message or the entry of a map; otherwise bytes, without their length. */
  readonly content: Uint8Array | WireRecord[];
}

/** Picks one of so many: 0 to count - 1. */
export type Choose = (count: number) => number;

/** Takes a message apart. */
export function parseRecords(desc: DescMessage, bytes: Uint8Array): WireRecord[] {
  return parse(bytes, (number) => desc.fields.find((field) => field.number === number));
}

function parse(bytes: Uint8Array, fieldOf: (number: number) => DescField | undefined): WireRecord[] {
  const reader = new BinaryReader(bytes);
  const records: WireRecord[] = [];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = fieldOf(number);
    if (wireType !== WireType.LengthDelimited) {
      records.push({ number, wireType, field, content: reader.skip(wireType, number) });
      continue;
    }
    const payload = reader.bytes();
    records.push({ number, wireType, field, content: parseContent(field, payload) });
  }
  return records;
}

function parseContent(field: DescField | undefined, payload: Uint8Array): Uint8Array | WireRecord[] {
  if (field?.fieldKind === "map") {
    const { message } = field;
    const value = message && ({ fieldKind: "message", message } as DescField);
    return parse(payload, (number) => (number === 2 ? value : undefined));
  }
  return field?.message === undefined ? payload : parseRecords(field.message, payload);
}

/** Puts records together again. Tags and lengths become longer than they need to be now and then. */
export function writeRecords(records: readonly WireRecord[], choose: Choose): Uint8Array {
  const padding = (): number => (choose(20) === 0 ? 5 : 1);
  return join(
    ...records.map(({ number, wireType, content }) => {
      const tag = varint(number * 8 + wireType, padding());
      const payload = content instanceof Uint8Array ? content : writeRecords(content, choose);
      return wireType === WireType.LengthDelimited
        ? join(tag, varint(payload.length, padding()), payload)
        : join(tag, payload);
    }),
  );
}

/** Changes the records of a message, and of all messages in it. `others` are of another message of its type. */
export function mutate(records: WireRecord[], others: readonly WireRecord[], choose: Choose): void {
  for (let changes = choose(8); changes > 0; changes--) mutateOnce(records, others, choose);
  for (const { field, content } of records) {
    if (content instanceof Uint8Array) continue;
    if (field?.fieldKind === "map") mutateEntry(content, choose);
    else mutate(content, [], choose);
  }
}

/** Of fields that no message has. */
const unknownRecords = parse(
  join(
    int(5000, -1),
    fixed64(5001, 7n),
    fixed32(5002, 7),
    sized(5003, "unknown"),
    group(5004, int(1, 1), group(5004, sized(1, "x"), fixed32(2, 1)), fixed64(3, 1n)),
  ),
  () => undefined,
);

function mutateOnce(records: WireRecord[], others: readonly WireRecord[], choose: Choose): void {
  const at = choose(records.length);
  const one = records[at];
  const insert = (record: WireRecord | undefined): void => {
    if (record !== undefined) records.splice(choose(records.length + 1), 0, copyRecord(record));
  };
  switch (choose(7)) {
    case 0:
      return insert(one);
    case 1:
      records.splice(at, 1);
      return insert(one);
    case 2:
      return insert(others[choose(others.length)]);
    case 3:
      return insert(unknownRecords[choose(unknownRecords.length)]);
    case 4:
      records.splice(0, records.length, ...records.flatMap(unpackFirst));
      return;
    case 5:
      for (const other of others) if (other.field?.oneof !== undefined) insert(other);
      return;
    default:
      if (one !== undefined) return insert(splitOff(one, choose));
  }
}

/** Takes some of the records of a singular message away, for a record of their own; maybe none. */
function splitOff(record: WireRecord, choose: Choose): WireRecord | undefined {
  const { field, content } = record;
  if (field?.fieldKind !== "message" || content instanceof Uint8Array) return undefined;
  return { ...record, content: content.splice(choose(content.length + 1)) };
}

/** The first number of a packed list becomes a record of its own. */
function unpackFirst(record: WireRecord): WireRecord[] {
  const { number, wireType, field, content } = record;
  const isPacked = field?.fieldKind === "list" && field.packed && wireType === WireType.LengthDelimited;
  if (!isPacked || content.length === 0 || !(content instanceof Uint8Array)) return [record];
  const end = content.findIndex((byte) => byte < 0x80) + 1;
  const first = { number, wireType: WireType.Varint, field, content: content.slice(0, end) };
  return [first, { ...record, content: content.slice(end) }];
}

function copyRecord(record: WireRecord): WireRecord {
  const { content } = record;
  return content instanceof Uint8Array ? record : { ...record, content: content.map(copyRecord) };
}

function mutateEntry(entry: WireRecord[], choose: Choose): void {
  for (let changes = choose(3); changes > 0; changes--) {
    const at = choose(entry.length);
    const one = entry[at];
    switch (choose(6)) {
      case 0:
        entry.splice(at, 1);
        break;
      case 1:
        entry.reverse();
        break;
      case 2:
        if (one !== undefined) entry.push(copyRecord(one));
        break;
      case 3: {
        const unknown = unknownRecords[choose(unknownRecords.length)];
        if (unknown !== undefined) entry.splice(at, 0, unknown);
        break;
      }
      case 4: {
        const piece = one && splitOff(one, choose);
        if (piece !== undefined) entry.splice(choose(entry.length + 1), 0, piece);
        break;
      }
      default: {
        const key = entry.find(({ number }) => number === 1);
        if (key?.wireType === WireType.LengthDelimited) entry.push({ ...key, content: join("b") });
        if (key?.wireType === WireType.Varint) entry.push({ ...key, content: varint(1, 2) });
      }
    }
  }
  for (const { content } of entry) if (!(content instanceof Uint8Array)) mutate(content, [], choose);
}
