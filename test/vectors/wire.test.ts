// filterBytes gives what decoding, filtering and encoding give. The decoder is that of protobuf-es, which merges pieces
// and overrides members as protobuf says; where it does not follow protobuf (see wire.ts), fieldmask/wire.test.ts says
// what comes out.

import type { Message } from "@bufbuild/protobuf";
import { equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { MalformedError, compileMask, defineMask, filterBytes } from "@fieldpost/fieldmask";
import type { Mask } from "@fieldpost/fieldmask";
import { schemaOf } from "@fieldpost/fieldmask/protobuf-es";
import * as fc from "fast-check";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { filterMessage } from "../../plugin/runtime/src/filter.ts";
import { compileReadAccountRequestReadMask } from "./gen/ts-proto/vectors_service_fieldmask.ts";
import { messagesOf } from "./random-messages.ts";
import { openVectorSchema, readVectors } from "./vectors.ts";
import type { Choose } from "./wire-records.ts";
import { mutate, parseRecords, writeRecords } from "./wire-records.ts";

const numRuns = Number(process.env["FIELDPOST_PROPERTY_RUNS"] ?? 200);
/** For 10,000 runs on a machine that has other things to do. */
const timeout = 30_000 + numRuns * 60;
const vectorSchema = openVectorSchema();
const desc = vectorSchema.message("Account");
const schema = schemaOf(desc);
const definition = defineMask<string>(schema, { profile: "read" });

describe("the vectors", () => {
  const cases = readVectors(join(import.meta.dirname, "fieldmask-vectors.json")).filter(
    ({ op }) => op === "filterBytes",
  );

  test("are there", () => {
    expect(cases).toHaveLength(14);
    expect(new Set(cases.map(({ schema }) => schema))).toEqual(new Set(["Account"]));
  });

  test.each(cases)(
    "$id, with generated tables and with those of protobuf-es",
    ({ mask, inputHex, ...vector }) => {
      const bytes = new Uint8Array(Buffer.from(inputHex ?? "", "hex"));
      const paths = mask ?? undefined;
      for (const compiled of [compileReadAccountRequestReadMask(paths), compileMask(definition, paths)]) {
        if (vector.error === undefined) {
          const filtered = filterBytes(compiled.schema, bytes, compiled);
          expect(vectorSchema.difference("Account", filtered, vector.expected)).toBeUndefined();
        } else {
          expect(() => filterBytes(compiled.schema, bytes, compiled)).toThrow(
            expect.objectContaining({ code: vector.error }),
          );
        }
      }
    },
  );
});

const accounts = messagesOf(desc, 3);

/** Right and wrong ones, separated by spaces. */
const paths = `
  name display_name contact contact.email contact.address.geo.lat contact.tags.a contact.nope items items.*.sku
  items.*.notes.*.author items.ship_to.lines items.*.attrs.\`a.b\` roles labels labels.a labels.\`\` labels.home labels.é
  labels.constructor addresses addresses.a addresses.*.city addresses.home.geo addresses.*.geo.lng addresses.b.geo.lat
  notes_by_id.1.text notes_by_id.0 notes_by_id.* switches counters.2 counters.0 counters.1152921504606846976
  card card.number card.exp_year invoice_code voucher_id bill_to bill_to.geo.lat bill_to.street age nickname
  subscribed tier preferred_tier avatar balance_micros active score alias alias.value quota.value expire_time
  expire_time.seconds settings detail.value tree tree.child.name tree.child.child.weight tree.by_name.a.child.name
  tree.children.*.by_name.*.weight tree.by_name.a.name tree.by_name.*.child tree.by_name.*.by_name.a.weight
  tree.by_name.a.by_name.*.name create_time.nanos ratings hazard.class hazard.prototype.keys.a hazard.UPPER_CASE
  __proto__ nope
`;
const masks = fc.uniqueArray(fc.constantFrom(...paths.trim().split(/\s+/)), { minLength: 1, maxLength: 8 });

/** Accounts as no encoder writes them. Streams of fast-check would be ten times as slow as the rest. */
const encoded = fc.tuple(accounts, accounts, fc.integer({ min: 1 })).map(([account, other, seed]) => {
  const choose = chooserOf(seed);
  const records = parseRecords(desc, toBinary(desc, account));
  mutate(records, parseRecords(desc, toBinary(desc, other)), choose);
  return writeRecords(records, choose);
});

/** Xorshift: https://www.jstatsoft.org/article/view/v008i14 */
function chooserOf(seed: number): Choose {
  let state = seed;
  return (count) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(count, 1);
  };
}

function decodeAndFilter(bytes: Uint8Array, mask: Mask): Message {
  const filtered = filterMessage(schema, fromBinary(desc, bytes), mask) as Message;
  return fromBinary(desc, toBinary(desc, filtered));
}

describe("with any message and any mask", () => {
  test(
    "filterBytes is decoding, filtering and encoding",
    () => {
      fc.assert(
        fc.property(encoded, masks, (bytes, paths) => {
          const mask = compileMask(definition, paths);
          const filtered = fromBinary(desc, filterBytes(schema, bytes, mask));
          expect(equals(desc, filtered, decodeAndFilter(bytes, mask))).toBe(true);
          expect(filtered.$unknown).toBeUndefined();
        }),
        { numRuns },
      );
    },
    timeout,
  );

  test(
    "unknown fields are those of before, if they are to be kept",
    () => {
      fc.assert(
        fc.property(encoded, masks, (bytes, paths) => {
          const mask = compileMask(definition, [...paths, "name"]);
          const filtered = fromBinary(desc, filterBytes(schema, bytes, mask, { unknownFields: "keep" }));
          expect(equals(desc, filtered, decodeAndFilter(bytes, mask))).toBe(true);
          expect(filtered.$unknown).toEqual(fromBinary(desc, bytes).$unknown);
        }),
        { numRuns },
      );
    },
    timeout,
  );

  test(
    "the result is as short, the same again, and the same with generated tables; the input does not change",
    () => {
      fc.assert(
        fc.property(encoded, masks, (bytes, paths) => {
          const before = bytes.slice();
          const mask = compileMask(definition, paths);
          const filtered = filterBytes(schema, bytes, mask);
          expect(bytes).toEqual(before);
          expect(filtered.length).toBeLessThanOrEqual(bytes.length);
          expect(filterBytes(schema, filtered, mask)).toEqual(filtered);
          const generated = compileReadAccountRequestReadMask(paths);
          expect(filterBytes(generated.schema, bytes, generated)).toEqual(filtered);
        }),
        { numRuns },
      );
    },
    timeout,
  );

  test(
    "damage gives a MalformedError, or another message",
    () => {
      const damages = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 });
      fc.assert(
        fc.property(encoded, masks, damages, fc.nat(), (bytes, paths, damages, cut) => {
          const damaged = bytes.slice(0, bytes.length - (cut % 4));
          for (const [at, value] of damages) damaged[at % Math.max(damaged.length, 1)] = value;
          const mask = compileMask(definition, paths);
          const all = compileMask(definition, ["*"]);
          let filtered: Uint8Array;
          try {
            filtered = filterBytes(schema, damaged, mask);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedError);
            return;
          }
          expect(filterBytes(schema, filtered, all)).toEqual(filtered);
          expect(filtered.length).toBeLessThanOrEqual(damaged.length);
        }),
        { numRuns },
      );
    },
    timeout,
  );
});
