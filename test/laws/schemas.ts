// Proto files made at random, yet always the same ones for one seed: messages that hold each other and themselves.

import type { Random } from "../chaos/random.ts";
import { between, createRandom } from "../chaos/random.ts";
import type { Syntax } from "./schema-fields.ts";
import { FieldMaker, pick, scalars, wellKnown, wrappers } from "./schema-fields.ts";

/** One proto file. Its package and its file have its name; the masks are over its message Root. */
export interface Schema {
  readonly name: string;
  /** Those of proto2 are for protobuf-es alone. */
  readonly syntax: Syntax;
  readonly text: string;
}

/** So many schemas of one syntax: s00, s01, … of proto3, and old00, old01, … of proto2. */
export function makeSchemas(seed: string, count: number, syntax: Syntax = "proto3"): Schema[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `${syntax === "proto3" ? "s" : "old"}${String(index).padStart(2, "0")}`;
    return { name, syntax, text: new SchemaMaker(name, syntax, createRandom(`${seed}/${name}`)).make() };
  });
}

const messageNames = [
  ...["Address", "Item", "Note", "Card", "Node", "Order", "Point", "Audit", "Part", "Owner", "Place", "Tag"],
  // What generated code has names for itself.
  ...["Mask", "Slots", "Selected", "Date", "MessageSchema", "RootPath", "Violation", "UpdateOptions"],
];

const imports = [
  ...["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"].map(
    (name) => `google/protobuf/${name}`,
  ),
  "google/api/field_behavior",
  "fieldmask/option",
];

/** An enum of proto2 is closed, and its first value need not be zero. */
const enums: Readonly<Record<Syntax, string>> = {
  proto3: "enum Tone { TONE_UNSPECIFIED = 0; TONE_LOW = 1; TONE_HIGH = 7; TONE_BELOW = -3; }",
  proto2: "enum Tone { TONE_LOW = 1; TONE_HIGH = 7; TONE_BELOW = -3; TONE_UNSPECIFIED = 0; }",
};

interface Draft {
  /** From the package: `Order.Item`. */
  readonly name: string;
  readonly nested: Draft[];
  readonly lines: string[];
}

class SchemaMaker {
  readonly #package: string;
  readonly #syntax: Syntax;
  readonly #random: Random;
  #messages: Draft[] = [];

  constructor(name: string, syntax: Syntax, random: Random) {
    this.#package = name;
    this.#syntax = syntax;
    this.#random = random;
  }

  make(): string {
    const root: Draft = { name: "Root", nested: [], lines: [] };
    const top = [root];
    this.#messages = [root];
    for (const name of this.#some(messageNames, between(this.#random, 2, 5))) {
      const outer = this.#chance(0.3) ? pick(this.#random, this.#messages) : undefined;
      const draft: Draft = { name: outer ? `${outer.name}.${name}` : name, nested: [], lines: [] };
      (outer?.nested ?? top).push(draft);
      this.#messages.push(draft);
    }
    const enumType = `.${this.#package}.Tone`;
    const types = { syntax: this.#syntax, enumType, any: () => this.#type(enumType) };
    for (const draft of this.#messages) {
      const [least, most] = draft === root ? [9, 16] : [1, 7];
      draft.lines.push(...new FieldMaker(this.#random, types).make(between(this.#random, least, most)));
    }
    const label = this.#syntax === "proto3" ? "" : "optional ";
    return [
      `syntax = "${this.#syntax}";`,
      `package ${this.#package};`,
      ...imports.map((path) => `import "${path}.proto";`),
      enums[this.#syntax],
      ...top.flatMap((draft) => print(draft)),
      "message ReadRequest {",
      `  ${label}google.protobuf.FieldMask read_mask = 1`,
      '    [(fieldmask.option.Option).out = {gen: true, message: "Root"}];',
      "}",
      "message UpdateRequest {",
      `  ${label}Root resource = 1;`,
      `  ${label}google.protobuf.FieldMask update_mask = 2`,
      '    [(fieldmask.option.Option).in = {gen: true, resource: "resource"}];',
      "}",
      "",
    ].join("\n");
  }

  #type(enumType: string): string {
    const random = this.#random();
    if (random < 0.45)
      return this.#chance(this.#syntax === "proto2" ? 0.25 : 0.12) ? enumType : pick(this.#random, scalars);
    if (random < 0.7) return `.${this.#package}.${pick(this.#random, this.#messages).name}`;
    return `.${pick(this.#random, random < 0.8 ? wrappers : wellKnown)}`;
  }

  #chance(of: number): boolean {
    return this.#random() < of;
  }

  #some<T>(from: readonly T[], count: number): T[] {
    const left = [...from];
    return Array.from({ length: count }, () =>
      left.splice(between(this.#random, 0, left.length - 1), 1),
    ).flat();
  }
}

function print({ name, nested, lines }: Draft): string[] {
  const inside = [...nested.flatMap((draft) => print(draft)), ...lines];
  return [`message ${name.slice(name.lastIndexOf(".") + 1)} {`, ...inside.map((line) => `  ${line}`), "}"];
}
