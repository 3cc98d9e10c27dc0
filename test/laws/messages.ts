// Messages at random, of any type: whatever both targets can hold in the shape that is tried.

import type { DescField, DescMessage, JsonObject, JsonValue, Message } from "@bufbuild/protobuf";
import { ScalarType, clone, create, fromJson, toBinary } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  AnySchema,
  DurationSchema,
  FieldMaskSchema,
  ListValueSchema,
  StructSchema,
  TimestampSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import * as fc from "fast-check";
import { inRange, keysOf } from "./keys.ts";
import type { Shape } from "./shapes.ts";

/** How deep messages go: Root holds messages that hold others, which hold no more of the schema. */
const MAX_DEPTH = 2;

/** An encoded message, printed as its fields. */
export class Encoded {
  readonly message: Message;
  readonly bytes: Uint8Array;

  constructor(desc: DescMessage, message: Message) {
    this.message = message;
    this.bytes = toBinary(desc, message);
  }

  /** How fast-check shows it. */
  [fc.toStringMethod](): string {
    return `${fc.stringify(this.message)} // ${Buffer.from(this.bytes).toString("hex")}`;
  }
}

/** Messages of this type. */
export function messagesOf(desc: DescMessage, shape: Shape): fc.Arbitrary<Encoded> {
  return new MessageArbitraries(shape).of(desc, MAX_DEPTH).map((message) => new Encoded(desc, message));
}

/** Values as protobuf-es' reflection takes them. */
type Value = unknown;

class MessageArbitraries {
  readonly #shape: Shape;
  readonly #known = new Map<string, fc.Arbitrary<Message>>();

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  of(desc: DescMessage, depth: number): fc.Arbitrary<Message> {
    const key = `${desc.typeName} ${depth}`;
    const known = this.#known.get(key) ?? this.#wellKnown(desc) ?? this.#plain(desc, depth);
    this.#known.set(key, known);
    return known;
  }

  #plain(desc: DescMessage, depth: number): fc.Arbitrary<Message> {
    // Deeper down, fewer fields are set: messages stay of a size that a failure can be read in.
    const weight = depth + 1;
    const parts = desc.members.flatMap((member): fc.Arbitrary<readonly [DescField, Value] | undefined>[] => {
      const fields = member.kind === "oneof" ? member.fields : [member];
      const set = fields
        .filter((field) => depth > 0 || field.message === undefined || isWellKnown(field.message))
        .map((field) => this.#field(field, depth - 1));
      if (set.length === 0) return [];
      const nothing = { arbitrary: fc.constant(undefined), weight: 1 };
      return [fc.oneof(nothing, { arbitrary: fc.oneof(...set), weight })];
    });
    return fc.tuple(...parts).map((fields) => build(desc, fields));
  }

  #field(field: DescField, depth: number): fc.Arbitrary<readonly [DescField, Value]> {
    const item = this.#item(field, depth);
    switch (field.fieldKind) {
      case "list":
        return fc.array(item, { maxLength: 3 }).map((items) => [field, items]);
      case "map": {
        const key = fc.constantFrom(...keysOf(field, this.#shape));
        return fc.array(fc.tuple(key, item), { maxLength: 4 }).map((entries) => [field, entries]);
      }
      default:
        return item.map((value) => [field, value]);
    }
  }

  #item(field: DescField, depth: number): fc.Arbitrary<Value> {
    if (field.message !== undefined) {
      const { message } = field;
      return this.of(message, Math.max(depth, 0)).map((value) => reflect(message, value, false));
    }
    if (field.enum !== undefined) {
      // A closed enum has no other numbers.
      const numbers = field.enum.values.map(({ number }) => number);
      return fc.constantFrom(...numbers, ...(field.enum.open ? [99] : []));
    }
    return this.#scalar(field.scalar ?? ScalarType.STRING);
  }

  #scalar(type: ScalarType): fc.Arbitrary<Value> {
    switch (type) {
      case ScalarType.DOUBLE:
        return fc.oneof(fc.constantFrom(0, -0, 1.5, Number.NaN), fc.double());
      case ScalarType.FLOAT:
        return fc.oneof(fc.constantFrom(0, -0, 1.5, Number.NaN), fc.float());
      case ScalarType.BOOL:
        return fc.boolean();
      case ScalarType.STRING:
        return fc.oneof(fc.constantFrom("", "a", "__proto__"), fc.string({ maxLength: 6, unit: "grapheme" }));
      case ScalarType.BYTES:
        return fc.uint8Array({ maxLength: 5 });
      case ScalarType.INT32:
      case ScalarType.SINT32:
      case ScalarType.SFIXED32:
        return fc.oneof(fc.constantFrom(0, 1, -1), fc.integer());
      case ScalarType.UINT32:
      case ScalarType.FIXED32:
        return fc.oneof(fc.constantFrom(0, 1), fc.nat(), fc.integer({ min: 2 ** 31, max: 2 ** 32 - 1 }));
      case ScalarType.UINT64:
      case ScalarType.FIXED64:
        return this.#long(0n, 2n ** 64n - 1n);
      default:
        return this.#long(-(2n ** 63n), 2n ** 63n - 1n);
    }
  }

  #long(least: bigint, most: bigint): fc.Arbitrary<bigint> {
    const [min, max] = [inRange(least, this.#shape), inRange(most, this.#shape)];
    return fc.oneof(fc.constantFrom(0n, 1n), fc.bigInt({ min, max }));
  }

  #wellKnown(desc: DescMessage): fc.Arbitrary<Message> | undefined {
    switch (desc.typeName) {
      case "google.protobuf.Timestamp":
        return this.#timestamp();
      case "google.protobuf.Duration":
        return fc
          .record({ seconds: fc.bigInt({ min: -315576000000n, max: 315576000000n }), nanos: nanos })
          .map(({ seconds, nanos }) =>
            create(DurationSchema, { seconds, nanos: seconds < 0n ? -nanos : nanos }),
          );
      case "google.protobuf.Struct":
        return jsonObject.map((json) => fromJson(StructSchema, json));
      case "google.protobuf.Value":
        return json.map((value) => fromJson(ValueSchema, value));
      case "google.protobuf.ListValue":
        return fc.array(json, { maxLength: 3 }).map((values) => fromJson(ListValueSchema, values));
      case "google.protobuf.Any":
        return fc
          .record({
            typeUrl: fc.constantFrom("", "type.example.com/a.B"),
            value: fc.uint8Array({ maxLength: 4 }),
          })
          .map((init) => create(AnySchema, init));
      case "google.protobuf.FieldMask":
        return fc
          .array(fc.constantFrom("", "a", "b.c", "d,e"), { maxLength: 3 })
          .map((paths) => create(FieldMaskSchema, { paths }));
      default:
        return undefined;
    }
  }

  #timestamp(): fc.Arbitrary<Message> {
    // From the year 1 to the year 9999, as the type has it.
    const seconds = fc.oneof(fc.constant(0n), fc.bigInt({ min: -62135596800n, max: 253402300799n }));
    return fc.record({ seconds, nanos }).map(({ seconds, nanos }) => {
      if (this.#shape.useDate === "timestamp") return create(TimestampSchema, { seconds, nanos });
      // A Date has milliseconds, and ts-proto writes those before 1970 with negative nanos, which are not valid.
      const millis = seconds < 0n ? 0 : Math.floor(nanos / 1e6);
      return create(TimestampSchema, { seconds, nanos: millis * 1e6 });
    });
  }
}

const nanos = fc.oneof(fc.constantFrom(0, 5e8), fc.integer({ min: 0, max: 999_999_999 }));

const { json, jsonObject } = fc.letrec<{ json: JsonValue; jsonObject: JsonObject }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 2 },
    fc.constantFrom(null, true, false, "", "text", 0, 1.5),
    fc.array(tie("json"), { maxLength: 2 }),
    tie("jsonObject"),
  ),
  jsonObject: fc
    .array(fc.tuple(fc.constantFrom("a", "b", "constructor", "toString", ""), tie("json")), { maxLength: 2 })
    .map((entries) => Object.fromEntries(entries)),
}));

function isWellKnown({ typeName }: DescMessage): boolean {
  return typeName.startsWith("google.protobuf.");
}

function build(desc: DescMessage, fields: readonly (readonly [DescField, Value] | undefined)[]): Message {
  const message = reflect(desc, create(desc), false);
  for (const field of fields) if (field !== undefined) set(message, ...field);
  return message.message;
}

function set(message: ReflectMessage, field: DescField, value: Value): void {
  switch (field.fieldKind) {
    case "list":
      for (const item of value as Value[]) message.get(field).add(item);
      break;
    case "map":
      for (const [key, item] of value as [never, never][]) message.get(field).set(key, item);
      break;
    default:
      message.set(field, value);
  }
}

/** Two messages of one type that have much in common. */
export function pairsOf(desc: DescMessage, shape: Shape): fc.Arbitrary<[Encoded, Encoded]> {
  const messages = messagesOf(desc, shape);
  const choices = fc.array(fc.constantFrom("first", "second", "both"), { minLength: 1, maxLength: 20 });
  return fc.tuple(messages, messages, choices).map(([first, second, choices]) => {
    const next = (): string => {
      const choice = choices.shift() ?? "second";
      choices.push(choice);
      return choice;
    };
    const mixed = reflect(desc, clone(desc, first.message), false);
    mix(mixed, reflect(desc, clone(desc, second.message), false), next);
    return [first, new Encoded(desc, mixed.message)];
  });
}

/** Takes some of another message over: whole fields, or parts of them. */
function mix(into: ReflectMessage, other: ReflectMessage, next: () => string): void {
  for (const field of into.fields) {
    const choice = next();
    if (choice === "first") continue;
    if (choice === "second" || !into.isSet(field) || !other.isSet(field)) {
      if (other.isSet(field)) into.set(field, other.get(field));
      else into.clear(field);
    } else if (field.fieldKind === "message" && !isWellKnown(field.message)) {
      const inside = into.get(field);
      mix(inside, other.get(field), next);
      into.set(field, inside);
    } else if (field.fieldKind === "map") {
      for (const [key, item] of other.get(field)) if (next() !== "first") into.get(field).set(key, item);
    }
  }
}
