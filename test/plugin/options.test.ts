import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescField } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import { FieldOptionsSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { readOption } from "../../plugin/src/options.ts";

interface Case {
  readonly id: string;
  readonly hex: string;
  readonly expected: {
    readonly in?: { readonly gen?: boolean };
    readonly out?: { readonly gen?: boolean; readonly message?: string };
  } | null;
}

const file = join(import.meta.dirname, "../vectors/option-bytes.json");
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: Case[] };

/** A field, as far as reading its option looks at it. */
function fieldWithOptions(hex: string): DescField {
  const options = fromBinary(FieldOptionsSchema, Buffer.from(hex, "hex"));
  return { proto: { options } } as unknown as DescField;
}

/** What is to be read: only the sides that say `gen: true`. */
function optionOf({ expected }: Case) {
  return {
    ...(expected?.in?.gen ? { in: { resource: "" } } : {}),
    ...(expected?.out?.gen ? { out: { message: expected.out.message ?? "" } } : {}),
  };
}

test.each(cases.filter(({ expected }) => expected !== null))(
  "the bytes of $id are read as they are meant",
  (entry) => {
    expect(readOption(fieldWithOptions(entry.hex))).toEqual({ kind: "option", option: optionOf(entry) });
  },
);

test.each(cases.filter(({ expected }) => expected === null))(
  "the bytes of $id are known to be foreign",
  ({ hex }) => {
    expect(readOption(fieldWithOptions(hex))).toMatchObject({ kind: "foreign" });
  },
);

test("bytes that end too early are reported, not thrown", () => {
  expect(readOption(fieldWithOptions("b24703120801"))).toMatchObject({ kind: "foreign" });
});

test("a field without the option has none", () => {
  expect(readOption(fieldWithOptions(""))).toEqual({ kind: "none" });
  expect(readOption({ proto: {} } as unknown as DescField)).toEqual({ kind: "none" });
});
