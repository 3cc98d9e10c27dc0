// The fields of messages made at random: every kind of field, of any name and number that both ts-proto and protobuf-es can
// take; and of proto2 what only protobuf-es can.

import type { Random } from "../chaos/random.ts";
import { between } from "../chaos/random.ts";

export type Syntax = "proto2" | "proto3";

const longs = ["int64", "uint64", "sint64", "fixed64", "sfixed64"];

export const scalars = [
  ...["double", "float", "int32", "uint32", "sint32", "fixed32", "sfixed32", ...longs],
  ...["bool", "string", "bytes"],
];

export const mapKeys = scalars.filter((type) => !["double", "float", "bytes"].includes(type));

export const wrappers = [
  ...["DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue"],
  ...["StringValue", "BytesValue"],
].map((name) => `google.protobuf.${name}`);

/** The other types of google.protobuf that a field may have. */
export const wellKnown = [
  ...["Timestamp", "Duration", "Struct", "Value", "ListValue", "Any", "FieldMask", "Empty"],
].map((name) => `google.protobuf.${name}`);

const words = [
  ...["name", "title", "state", "count", "size", "owner", "note", "total", "label", "email", "place"],
  ...["begin", "limit", "color", "price", "level", "parent", "child", "token", "phase", "depth", "score"],
];

/** Names that break code which looks them up on a plain object, or that change on their way to a property. */
export const hazards = [
  ...["constructor", "__proto__", "toString", "then", "hasOwnProperty", "valueOf", "case", "value", "kind"],
  ...["UPPER_CASE", "a__b", "trailing_", "_leading", "camelCase", "line_2_text", "address_1", "type_name"],
  ...["message", "default", "class", "await", "arguments", "length", "prototype", "tree", "__defineGetter__"],
  ...["fields", "has_own_property", "to_string"],
];

/** protobuf-es takes a field that is absent for the method of all objects of that name. */
const methods = ["hasOwnProperty", "has_own_property"];

const behaviors = ["OPTIONAL", "REQUIRED", "OUTPUT_ONLY", "INPUT_ONLY", "IMMUTABLE", "IDENTIFIER"];

/** The types of fields that may be chosen. */
export interface Types {
  readonly syntax: Syntax;
  /** The full name of the one enum, with a dot before it. */
  readonly enumType: string;
  /** Any type but those of groups. */
  any(): string;
}

/** Makes the fields of one message. */
export class FieldMaker {
  readonly #random: Random;
  readonly #types: Types;
  readonly #lines: string[] = [];
  /** Names as far as they must differ: ProtoJSON and ts-proto do not see underscores, and oneofs have properties too. */
  readonly #names = new Set<string>();
  readonly #numbers = new Set<number>();

  constructor(random: Random, types: Types) {
    this.#random = random;
    this.#types = types;
  }

  /** The lines of so many fields and oneofs. `depth`: how deep they may hold groups. */
  make(count: number, depth = 2): string[] {
    const old = this.#types.syntax === "proto2";
    for (let left = count; left > 0; left--) {
      const random = this.#random();
      if (old && depth > 0 && random < 0.12) this.#group(this.#singular(), depth);
      else if (old && depth > 0 && random < 0.18) this.#group("repeated ", depth);
      else if (random < 0.45) this.#field(this.#singular(), this.#types.any());
      else if (random < 0.55) this.#field("optional ", this.#types.any());
      else if (random < 0.7) this.#field("repeated ", this.#types.any());
      else if (random < 0.85) this.#field("", `map<${pick(this.#random, mapKeys)}, ${this.#types.any()}>`);
      else this.#oneof(depth);
    }
    return this.#lines;
  }

  #singular(): string {
    if (this.#types.syntax === "proto3") return "";
    return this.#random() < 0.25 ? "required " : "optional ";
  }

  #field(label: string, type: string): void {
    const message = type.startsWith(".") && type !== this.#types.enumType;
    const endless = label === "required " && message;
    const options: string[] = [];
    const name = this.#name(label === "optional " || label === "required " || (message && label === ""));
    if (this.#random() < 0.12)
      options.push(`json_name = "${this.#unique(() => `json${between(this.#random, 0, 99)}`)}"`);
    if (this.#random() < 0.15) options.push(`(google.api.field_behavior) = ${pick(this.#random, behaviors)}`);
    if (longs.includes(type) && this.#random() < 0.2) options.push("jstype = JS_STRING");
    if (label === "optional " && this.#types.syntax === "proto2" && this.#random() < 0.7) {
      const text = defaults.get(type === this.#types.enumType ? "enum" : type);
      if (text !== undefined) options.push(`default = ${text}`);
    }
    const bracket = options.length === 0 ? "" : ` [${options.join(", ")}]`;
    this.#lines.push(`${endless ? "optional " : label}${type} ${name} = ${this.#number()}${bracket};`);
  }

  /** The name of a group is that of its type, and in lower case that of its field. */
  #group(label: string, depth: number): void {
    const name = this.#unique(() => `Group${between(this.#random, 0, 99)}`);
    this.#lines.push(`${label}group ${name} = ${this.#number()} {`);
    this.#lines.push(
      ...new FieldMaker(this.#random, this.#types).make(between(this.#random, 1, 3), depth - 1),
    );
    this.#lines.push("}");
  }

  #oneof(depth: number): void {
    this.#lines.push(`oneof ${this.#name()} {`);
    for (let left = between(this.#random, 1, 4); left > 0; left--) {
      if (this.#types.syntax === "proto2" && depth > 0 && this.#random() < 0.2) this.#group("", depth);
      else this.#field("", this.#memberType());
    }
    this.#lines.push("}");
  }

  /** Unions of ts-proto that have a FieldMask do not compile. */
  #memberType(): string {
    const type = this.#types.any();
    return type === ".google.protobuf.FieldMask" ? this.#memberType() : type;
  }

  #name(maybeAbsent = false): string {
    return this.#unique(() => {
      const random = this.#random();
      if (random < 0.35) return pick(this.#random, hazards, maybeAbsent ? methods : []);
      const word = pick(this.#random, words);
      return random < 0.7 ? `${word}_${pick(this.#random, words)}` : word;
    });
  }

  #unique(make: () => string): string {
    for (;;) {
      const name = make();
      const loose = name.replaceAll("_", "").toLowerCase();
      if (this.#names.has(loose)) continue;
      this.#names.add(loose);
      return name;
    }
  }

  #number(): number {
    for (;;) {
      const [least, most] = pick(this.#random, numberRanges);
      const number = between(this.#random, least, most);
      if (this.#numbers.has(number)) continue;
      this.#numbers.add(number);
      return number;
    }
  }
}

/** What an optional field of proto2 may be while it is unset, by its type: all other than zero. */
const defaults: ReadonlyMap<string, string> = new Map([
  ...scalars.filter((type) => /int|fixed/.test(type)).map((type) => [type, "7"] as const),
  // Beyond what a number can hold.
  ...["int64", "sint64", "sfixed64"].map((type) => [type, "-9007199254740993"] as const),
  ["double", "-inf"],
  ["float", "1.5"],
  ["bool", "true"],
  ["string", '"a \\" b"'],
  ["bytes", '"\\001x"'],
  ["enum", "TONE_HIGH"],
]);

/** By the length of their tags; 19000 to 19999 are protobuf's own. */
const numberRanges: readonly (readonly [number, number])[] = [
  [1, 15],
  [1, 15],
  [16, 2_047],
  [2_048, 18_999],
  [20_000, 262_143],
  [536_870_000, 536_870_911],
];

/** One of these, and none of those. */
export function pick<T>(random: Random, from: readonly T[], but: readonly T[] = []): T {
  const found = from[between(random, 0, from.length - 1)];
  if (found === undefined) throw new Error("nothing to pick from");
  return but.includes(found) ? pick(random, from, but) : found;
}
