// Keeping what a mask selects of an encoded message, without decoding it: records are copied or left out, and only the
// lengths of the messages that the mask goes into are written anew.
//
// What makes it more than that are the rules by which decoders put records together. They are protobuf's
// (https://protobuf.dev/programming-guides/encoding/#last-one-wins and #optional), and not every decoder keeps them:
// - Pieces of one singular message are merged. ts-proto's decoders take the last piece.
// - Of a oneof, the last member counts, and what stood before another member is gone.
// - A record of a wrong wire type is an unknown field. protobuf-es reads it as if it were of the right type.
// - An entry of a map may lack its key or value, have them in any order, or repeatedly. ts-proto's decoders drop an
//   entry without its value if that is a message.
// - Field number 0, and the end of a group that has not started, are damage. ts-proto's decoders end the message there.
// Where all records of a field may stay as they are, they do: then the decoder of the result applies the rules.

import type { MessageSchema } from "./schema.ts";
import { ALL, MapTree, checkType } from "./tree.ts";
import type { Mask, MessageTree } from "./tree.ts";
import type { WireField, WireFields } from "./wire-fields.ts";
import { ENTRY_KEY, ENTRY_VALUE, entryFieldsOf, fieldByTag, wireFieldsOf } from "./wire-fields.ts";
import { defaultKeyText, readKeyText } from "./wire-key.ts";
import { WireOutput } from "./wire-output.ts";
import { END_GROUP, MalformedError, WireReader } from "./wire-reader.ts";

/** How filterBytes works. */
export interface FilterBytesOptions {
  /**
   * What happens to unknown fields of messages of which the mask selects a part. Default `drop`. What the mask selects
   * whole keeps its unknown fields, and a mask that selects nothing keeps none.
   */
  readonly unknownFields?: "drop" | "keep";
}

/** protobuf's own limit: https://protobuf.dev/programming-guides/proto-limits/ */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

/**
 * Keeps what a mask selects of an encoded message. The result is new, no longer than `bytes`, and decodes to the message
 * that decoding, filtering and encoding give with a decoder that follows protobuf's rules. Time and memory are in
 * proportion to the length of `bytes`.
 *
 * Throws a MalformedError if the bytes are no message, even where the damage is in a field that is dropped. What is in a
 * field that is kept or dropped whole is not looked at. Throws a TypeError if the mask is for another message type.
 */
export function filterBytes(
  schema: MessageSchema,
  bytes: Uint8Array,
  mask: Mask,
  { unknownFields = "drop" }: FilterBytesOptions = {},
): Uint8Array {
  checkType(mask, schema);
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new MalformedError(MAX_MESSAGE_BYTES, "a message has less than 2 GiB");
  }
  const { selection } = mask;
  if (typeof selection !== "symbol") {
    return new WireFilter(bytes, unknownFields === "keep").filter(wireFieldsOf(schema), selection);
  }
  const reader = new WireReader(bytes);
  while (reader.position < bytes.length) reader.next(bytes.length);
  return selection === ALL ? new Uint8Array(bytes) : new Uint8Array(0);
}

/** What one of several trees selects of a message. */
type Layer = Pick<MessageTree, "fields">;

/** All that selects a part of a field. Laid over each other, not joined: entries of one map may be very many. */
type Parts = readonly (MessageTree | MapTree)[];

/** The records of a singular message, or of the member of a oneof, that no other member has overridden yet. */
interface Pieces {
  readonly field: WireField;
  readonly selected: typeof ALL | Parts;
  /** Starts and ends: of whole records if all is selected, else of their payloads. */
  readonly ranges: number[];
}

class WireFilter {
  readonly #reader: WireReader;
  readonly #output = new WireOutput();
  readonly #keepUnknown: boolean;

  constructor(bytes: Uint8Array, keepUnknown: boolean) {
    this.#reader = new WireReader(bytes);
    this.#keepUnknown = keepUnknown;
  }

  filter(fields: WireFields, tree: MessageTree): Uint8Array {
    const { bytes } = this.#reader;
    return this.#output.toBytes(bytes, this.#keepFields(fields, [tree], [0, bytes.length]));
  }

  /**
   * Adds what is selected of one message, whose records stand in these ranges, and returns how long that is. Goes as
   * deep as the mask does, which MAX_SEGMENTS bounds.
   */
  #keepFields(fields: WireFields, layers: readonly Layer[], ranges: readonly number[]): number {
    const reader = this.#reader;
    const output = this.#output;
    let pieces: Map<number, Pieces> | undefined;
    let length = 0;
    if (fields.hasGroups) reader.rememberGroups();
    for (let i = 0; i < ranges.length; i += 2) {
      const end = ranges[i + 1] as number;
      for (let start = ranges[i] as number, next = start; start < end; start = next) {
        reader.position = start;
        const field = fieldByTag(fields, reader.next(end));
        next = reader.position;
        if (field === undefined || (field.numbers !== undefined && !field.numbers.has(reader.readInt32()))) {
          if (this.#keepUnknown) length += output.copy(start, next);
          continue;
        }
        const selected = selectField(layers, field.index);
        if (selected === undefined) {
          if (field.oneof !== undefined) pieces?.delete(field.oneof);
        } else if (field.oneof !== undefined || (field.schema.kind === "message" && selected !== ALL)) {
          pieces ??= new Map();
          this.#collect(pieces, field, selected, start);
        } else if (selected === ALL) length += output.copy(start, next);
        else length += this.#keepItem(field, selected, start);
      }
    }
    if (pieces !== undefined) for (const piece of pieces.values()) length += this.#keepPieces(piece);
    return length;
  }

  /** Sets the record that was read last aside: what comes later may add to it, or override it. */
  #collect(pieces: Map<number, Pieces>, field: WireField, selected: typeof ALL | Parts, start: number): void {
    const { payloadStart, payloadEnd, position } = this.#reader;
    const from = selected === ALL ? start : payloadStart;
    const to = selected === ALL ? position : payloadEnd;
    const slot = field.oneof ?? field.index;
    const found = pieces.get(slot);
    if (found?.field === field) found.ranges.push(from, to);
    else pieces.set(slot, { field, selected, ranges: [from, to] });
  }

  #keepPieces({ field, selected, ranges }: Pieces): number {
    if (selected !== ALL) return this.#keepMessage(field, selected, ranges);
    let length = 0;
    for (let i = 0; i < ranges.length; i += 2) {
      length += this.#output.copy(ranges[i] as number, ranges[i + 1] as number);
    }
    return length;
  }

  /** Adds a part of the record that was read last: an element of a list, or an entry of a map. */
  #keepItem(field: WireField, selected: Parts, start: number): number {
    const { payloadStart, payloadEnd, position } = this.#reader;
    if (field.schema.kind !== "map") return this.#keepMessage(field, selected, [payloadStart, payloadEnd]);

    const entryFields = entryFieldsOf(field.schema);
    const entry = selectEntry(selected, this.#readKey(field, entryFields, payloadStart, payloadEnd));
    if (entry === undefined) return 0;
    if (entry === ALL || field.schema.message === undefined) return this.#output.copy(start, position);
    const layers = entry.map(toEntryLayer);
    const at = this.#output.addTagAndLength(field.tag);
    return this.#output.setLength(at, this.#keepFields(entryFields, layers, [payloadStart, payloadEnd]));
  }

  #keepMessage({ schema, tag }: WireField, selected: Parts, ranges: readonly number[]): number {
    if (schema.message === undefined) return 0;
    const output = this.#output;
    const fields = wireFieldsOf(schema.message);
    // Only under a map stands a MapTree.
    const layers = selected as readonly MessageTree[];
    if (schema.delimited) {
      const length = output.addTag(tag) + this.#keepFields(fields, layers, ranges);
      return length + output.addTag(schema.number * 8 + END_GROUP);
    }
    const at = output.addTagAndLength(tag);
    return output.setLength(at, this.#keepFields(fields, layers, ranges));
  }

  /** The text of the key of an entry: that of the last one in it, or the default. */
  #readKey({ schema }: WireField, fields: WireFields, start: number, end: number): string {
    const reader = this.#reader;
    const type = schema.keyScalar ?? "string";
    let keyStart = 0;
    let keyEnd: number | undefined;
    reader.position = start;
    while (reader.position < end) {
      if (fieldByTag(fields, reader.next(end))?.schema.index !== ENTRY_KEY) continue;
      keyStart = reader.payloadStart;
      keyEnd = reader.payloadEnd;
    }
    return keyEnd === undefined ? defaultKeyText(type) : readKeyText(type, reader.bytes, keyStart, keyEnd);
  }
}

/** What is selected of a field: all, parts, or nothing. */
function selectField(layers: readonly Layer[], index: number): typeof ALL | Parts | undefined {
  if (layers.length === 1) {
    const slot = (layers[0] as Layer).fields[index];
    return slot === undefined || slot === ALL ? slot : [slot];
  }
  let parts: (MessageTree | MapTree)[] | undefined;
  for (const { fields } of layers) {
    const slot = fields[index];
    if (slot === ALL) return ALL;
    if (slot === undefined) continue;
    if (parts === undefined) parts = [slot];
    else parts.push(slot);
  }
  return parts;
}

/** What is selected of the entry of a map. MapTree.entry joins trees, at a price that repeated keys would multiply. */
function selectEntry(parts: Parts, key: string): typeof ALL | readonly MessageTree[] | undefined {
  let trees: MessageTree[] | undefined;
  for (const part of parts) {
    if (!(part instanceof MapTree)) continue;
    for (const { keys, every } of part.layers) {
      const named = keys.get(key);
      if (named === ALL) return ALL;
      if (named !== undefined) (trees ??= []).push(named);
      if (every !== undefined) (trees ??= []).push(every);
    }
  }
  return trees;
}

/** Selects the key of an entry, and this part of its value. */
function toEntryLayer(value: MessageTree): Layer {
  const fields: Layer["fields"] = [];
  fields[ENTRY_KEY] = ALL;
  fields[ENTRY_VALUE] = value;
  return { fields };
}
