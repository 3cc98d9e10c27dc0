import { checkPaths, compileMask, includes, maskPaths, parseMask, validateMask } from "@fieldpost/fieldmask";
import type { FieldNames } from "@fieldpost/fieldmask";
import { defineMask, defineMessage, listOf, mapOf } from "@fieldpost/fieldmask/codegen";
import type { MessageSchema } from "@fieldpost/fieldmask/codegen";
import { expect, test } from "vitest";

const shape = { oneof: "unions", maps: "Map", long: "bigint", noBytes: new Uint8Array(0) } as const;
const placeSchema: MessageSchema = defineMessage("names.Place", shape, () => [
  ["address_1", 1, "string"],
  ["display_name", 2, "string", { jsonName: "label" }],
  ["sub_places", 3, listOf(placeSchema)],
  ["by_name", 4, mapOf("string", placeSchema)],
  ["one", 5, "string", { jsonName: "other" }],
  ["other", 6, "string", { jsonName: "one" }],
  ["kebab_name", 7, placeSchema, { jsonName: "kebab-name" }],
  ["dotted_name", 8, placeSchema, { jsonName: "a.b" }],
]);
const otherSchema = defineMessage("names.Other", shape, () => [["page_size", 1, "string"]]);
const define = (names?: FieldNames) =>
  defineMask<string>(placeSchema, names === undefined ? { profile: "read" } : { profile: "read", names });

/** Paths of the mask, and the violations, with these names. */
function read(names: FieldNames | undefined, ...paths: string[]) {
  const options = names === undefined ? {} : { names };
  const result = parseMask(define(), paths, options);
  expect(validateMask(define(), paths, options)).toEqual(result.ok ? [] : result.violations);
  const checked = checkPaths(placeSchema, paths, { profile: "read", ...options });
  expect(checked).toEqual(result.ok ? [] : result.violations);
  const lenient = maskPaths(compileMask(define(), paths, { ...options, emptyMask: "nothing" }));
  if (result.ok) expect(maskPaths(result.mask)).toEqual(lenient);
  return { paths: lenient, wrong: checked.map(({ path, suggestion }) => [path, suggestion]) };
}

test("proto names, unless something else is said", () => {
  for (const names of [undefined, "proto"] as const) {
    expect(read(names, "address_1", "sub_places.*.display_name", "address1", "label")).toEqual({
      paths: ["address_1", "sub_places.*.display_name"],
      wrong: [
        ["address1", "address_1"],
        ["label", undefined],
      ],
    });
  }
});

test("JSON names come in, proto names go out; a proto name is answered with the JSON name", () => {
  expect(read("json", "address1", "subPlaces.label", "byName.by_name.label", "kebab-name.address1")).toEqual({
    paths: ["address_1", "by_name.by_name.display_name", "kebab_name.address_1", "sub_places.*.display_name"],
    wrong: [],
  });
  expect(read("json", "address_1", "subPlaces.0.label", "sub_places.*.display_name", "display_name")).toEqual(
    {
      paths: [],
      wrong: [
        ["address_1", "address1"],
        ["subPlaces.0.label", "subPlaces.*.label"],
        ["sub_places.*.display_name", "subPlaces.*.label"],
        ["display_name", "label"],
      ],
    },
  );
});

test("a JSON name that no path can have is not suggested", () => {
  expect(
    read("json", "kebab_name.address1", "dotted_name.address1", "dotted_name.subPlaces.0.label").wrong,
  ).toEqual([
    ["kebab_name.address1", "kebab-name.address1"],
    ["dotted_name.address1", undefined],
    ["dotted_name.subPlaces.0.label", undefined],
  ]);
});

test("both kinds at once; where they say different things, the proto name counts", () => {
  expect(read("both", "address1", "sub_places.label", "byName.k.display_name", "one", "Label")).toEqual({
    paths: ["address_1", "by_name.k.display_name", "one", "sub_places.*.display_name"],
    wrong: [["Label", undefined]],
  });
  expect(read("both", "Display_Name").wrong).toEqual([["Display_Name", "display_name"]]);
  expect(read("json", "one").paths).toEqual(["other"]);
});

test("keys of maps are no names", () => {
  expect(read("json", "byName.addressOne", "byName.`address_1`").paths).toEqual([
    "by_name.addressOne",
    "by_name.address_1",
  ]);
});

test("the same texts under other names are other masks, though both are remembered", () => {
  const definition = define();
  for (let i = 0; i < 3; i++) {
    expect(maskPaths(compileMask(definition, ["one"]))).toEqual(["one"]);
    expect(maskPaths(compileMask(definition, ["one"], { names: "json" }))).toEqual(["other"]);
    expect(maskPaths(compileMask(definition, ["one"], { names: "both" }))).toEqual(["one"]);
    expect(parseMask(definition, ["address1"]).ok).toBe(false);
    expect(parseMask(definition, ["address1"], { names: "json" }).ok).toBe(true);
  }
  expect(definition.cache.size).toBe(4);
});

test("what is asked of a mask has proto names, whatever it was read with", () => {
  const mask = compileMask(define(), ["address1", "label"], { names: "json" });
  expect(includes(mask, "address_1")).toBe(true);
  expect(includes(mask, "display_name")).toBe(true);
  expect(includes(mask, "label")).toBe(false);
});

test("a definition may say which names its masks have; a call decides otherwise", () => {
  expect(maskPaths(compileMask(define("json"), ["label", "display_name"]))).toEqual(["display_name"]);
  expect(parseMask(define("json"), ["display_name"]).ok).toBe(false);
  expect(parseMask(define("json"), ["display_name"], { names: "proto" }).ok).toBe(true);
});

test("a path of the other message is called by the same kind of name", () => {
  const check = (names: FieldNames, path: string) =>
    checkPaths(placeSchema, [path], { profile: "read", also: otherSchema, names });
  expect(check("json", "pageSize")).toEqual([]);
  expect(check("json", "page_size")).toMatchObject([{ reason: "UNKNOWN_FIELD" }]);
  expect(check("proto", "page_size")).toEqual([]);
});
