// Proto files made at random, yet always the same ones for one seed: every kind of field, of any name and number that
// both ts-proto and protobuf-es can take, in messages that hold each other and themselves.

import type { Random } from "../chaos/random.ts";
import { between, createRandom } from "../chaos/random.ts";

/** One proto file. Its package and its file have its name; the masks are over its message Root. */
export interface Schema {
  readonly name: string;
  readonly text: string;
}

/** So many schemas: s00, s01, … */
export function makeSchemas(seed: string, count: number): Schema[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `s${String(index).padStart(2, "0")}`;
    return { name, text: new SchemaMaker(name, createRandom(`${seed}/${name}`)).make() };
  });
}

export const scalars = [
  ...["double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64"],
  ...["sfixed32", "sfixed64", "bool", "string", "bytes"],
];

export const mapKeys = scalars.filter((type) => !["double", "float", "bytes"].includes(type));

export const wrappers = [
  ...["DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue"],
  ...["StringValue", "BytesValue"],
].map((name) => `google.protobuf.${name}`);

/** The other types of google.protobuf that a field may have. */
export const wellKnown = [
  "Timestamp",
  "Duration",
  "Struct",
  "Value",
  "ListValue",
  "Any",
  "FieldMask",
  "Empty",
].map((name) => `google.protobuf.${name}`);

const messageNames = [
  ...["Address", "Item", "Note", "Card", "Node", "Order", "Point", "Audit", "Part", "Owner", "Place", "Tag"],
  // What generated code has names for itself.
  ...["Mask", "Slots", "Selected", "Date", "MessageSchema", "RootPath", "Violation", "UpdateOptions"],
];

const words = [
  ...[
    "name",
    "title",
    "state",
    "count",
    "size",
    "owner",
    "note",
    "total",
    "label",
    "email",
    "place",
    "score",
  ],
  ...["begin", "limit", "color", "price", "level", "parent", "child", "token", "phase", "depth"],
];

/** Names that break code which looks them up on a plain object, or that change on their way to a property. */
export const hazards = [
  ...["constructor", "__proto__", "toString", "then", "hasOwnProperty", "valueOf", "case", "value", "kind"],
  ...[
    "UPPER_CASE",
    "a__b",
    "trailing_",
    "_leading",
    "camelCase",
    "line_2_text",
    "address_1",
    "type_name",
    "fields",
  ],
  ...["message", "default", "class", "await", "arguments", "length", "prototype", "tree", "__defineGetter__"],
];

const behaviors = ["OPTIONAL", "REQUIRED", "OUTPUT_ONLY", "INPUT_ONLY", "IMMUTABLE", "IDENTIFIER"];

interface Draft {
  /** From the package: `Order.Item`. */
  readonly name: string;
  readonly nested: Draft[];
  readonly lines: string[];
}

const imports = [
  ...["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"].map(
    (name) => `google/protobuf/${name}`,
  ),
  "google/api/field_behavior",
  "fieldmask/option",
];

class SchemaMaker {
  readonly #package: string;
  readonly #random: Random;
  #messages: Draft[] = [];

  constructor(name: string, random: Random) {
    this.#package = name;
    this.#random = random;
  }

  make(): string {
    const root: Draft = { name: "Root", nested: [], lines: [] };
    const top = [root];
    this.#messages = [root];
    for (const name of this.#some(messageNames, between(this.#random, 2, 5))) {
      const outer = this.#chance(0.3) ? this.#pick(this.#messages) : undefined;
      const draft: Draft = { name: outer ? `${outer.name}.${name}` : name, nested: [], lines: [] };
      (outer?.nested ?? top).push(draft);
      this.#messages.push(draft);
    }
    for (const draft of this.#messages) {
      const [least, most] = draft === root ? [9, 16] : [1, 7];
      new MessageMaker(this.#random, draft.lines, (type) => this.#type(type)).make(
        between(this.#random, least, most),
      );
    }
    return [
      'syntax = "proto3";',
      `package ${this.#package};`,
      ...imports.map((path) => `import "${path}.proto";`),
      "enum Tone { TONE_UNSPECIFIED = 0; TONE_LOW = 1; TONE_HIGH = 7; TONE_BELOW = -3; }",
      ...top.flatMap((draft) => print(draft)),
      "message ReadRequest {",
      '  google.protobuf.FieldMask read_mask = 1 [(fieldmask.option.Option).out = {gen: true, message: "Root"}];',
      "}",
      "message UpdateRequest {",
      "  Root resource = 1;",
      '  google.protobuf.FieldMask update_mask = 2 [(fieldmask.option.Option).in = {gen: true, resource: "resource"}];',
      "}",
      "",
    ].join("\n");
  }

  #type(kind: "scalar" | "any"): string {
    const random = this.#random();
    if (kind === "scalar" || random < 0.45)
      return this.#chance(0.12) ? `.${this.#package}.Tone` : this.#pick(scalars);
    if (random < 0.7) return `.${this.#package}.${this.#pick(this.#messages).name}`;
    return `.${random < 0.8 ? this.#pick(wrappers) : this.#pick(wellKnown)}`;
  }

  #chance(of: number): boolean {
    return this.#random() < of;
  }

  #pick<T>(from: readonly T[]): T {
    return pick(this.#random, from);
  }

  #some<T>(from: readonly T[], count: number): T[] {
    const left = [...from];
    return Array.from({ length: count }, () =>
      left.splice(between(this.#random, 0, left.length - 1), 1),
    ).flat();
  }
}

/** Makes the fields of one message. */
class MessageMaker {
  readonly #random: Random;
  readonly #lines: string[];
  readonly #type: (kind: "scalar" | "any") => string;
  /** Names as far as they must differ: ProtoJSON and ts-proto do not see underscores, and oneofs have properties too. */
  readonly #names = new Set<string>();
  readonly #numbers = new Set<number>();

  constructor(random: Random, lines: string[], type: (kind: "scalar" | "any") => string) {
    this.#random = random;
    this.#lines = lines;
    this.#type = type;
  }

  make(count: number): void {
    for (let left = count; left > 0; left--) {
      const random = this.#random();
      if (random < 0.45) this.#field("", this.#type("any"));
      else if (random < 0.55) this.#field("optional ", this.#type("any"));
      else if (random < 0.7) this.#field("repeated ", this.#type("any"));
      else if (random < 0.85) this.#field("", `map<${pick(this.#random, mapKeys)}, ${this.#type("any")}>`);
      else this.#oneof();
    }
  }

  #field(label: string, type: string): void {
    const options: string[] = [];
    const name = this.#name(label === "optional " || (type.startsWith(".") && label === ""));
    if (this.#random() < 0.12)
      options.push(`json_name = "${this.#unique(() => `json${between(this.#random, 0, 99)}`)}"`);
    if (this.#random() < 0.15) options.push(`(google.api.field_behavior) = ${pick(this.#random, behaviors)}`);
    const bracket = options.length === 0 ? "" : ` [${options.join(", ")}]`;
    this.#lines.push(`${label}${type} ${name} = ${this.#number()}${bracket};`);
  }

  #oneof(): void {
    this.#lines.push(`oneof ${this.#name()} {`);
    for (let left = between(this.#random, 1, 4); left > 0; left--) this.#field("", this.#memberType());
    this.#lines.push("}");
  }

  /** Unions of ts-proto that have a FieldMask do not compile. */
  #memberType(): string {
    const type = this.#type("any");
    return type === ".google.protobuf.FieldMask" ? this.#memberType() : type;
  }

  /** protobuf-es takes a field that may be absent for the method of all objects of that name. */
  #name(maybeAbsent = false): string {
    return this.#unique(() => {
      const random = this.#random();
      if (random < 0.35) return pick(this.#random, hazards, maybeAbsent ? ["hasOwnProperty"] : []);
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

/** By the length of their tags; 19000 to 19999 are protobuf's own. */
const numberRanges: readonly (readonly [number, number])[] = [
  [1, 15],
  [1, 15],
  [16, 2_047],
  [2_048, 18_999],
  [20_000, 262_143],
  [536_870_000, 536_870_911],
];

function pick<T>(random: Random, from: readonly T[], but: readonly T[] = []): T {
  const found = from[between(random, 0, from.length - 1)];
  if (found === undefined) throw new Error("nothing to pick from");
  return but.includes(found) ? pick(random, from, but) : found;
}

function print({ name, nested, lines }: Draft): string[] {
  const inside = [...nested.flatMap((draft) => print(draft)), ...lines];
  return [`message ${name.slice(name.lastIndexOf(".") + 1)} {`, ...inside.map((line) => `  ${line}`), "}"];
}
