import { FieldMaskJsonError, compileMask, jsonToPaths, maskPaths, maskToJson } from "@fieldpost/fieldmask";
import { defineMask, defineMessage, listOf, mapOf } from "@fieldpost/fieldmask/codegen";
import type { MessageSchema } from "@fieldpost/fieldmask/codegen";
import { expect, test } from "vitest";

const shape = { oneof: "unions", maps: "Map", long: "bigint", noBytes: new Uint8Array(0) } as const;

const placeSchema: MessageSchema = defineMessage("json.Place", shape, () => [
  ["address_1", 1, "string"],
  ["line_2_text", 2, "string"],
  ["UPPER_CASE", 3, "string"],
  ["mixedCase", 4, "string"],
  ["trailing_", 5, "string"],
  ["__proto__", 6, "string"],
  ["display_name", 7, "string", { jsonName: "label" }],
  ["kind", 8, "string", { jsonName: "@type" }],
  ["place", 9, placeSchema],
  ["sub_places", 10, listOf(placeSchema)],
  ["by_name", 11, mapOf("string", placeSchema)],
  ["free_tags", 12, mapOf("string", "string")],
  ["with_dot", 13, "string", { jsonName: "a.b" }],
  ["with_comma", 14, "string", { jsonName: "a,b" }],
  ["with_star", 15, placeSchema, { jsonName: "*" }],
  ["with_tick", 16, "string", { jsonName: "`a`" }],
  ["unnamed", 17, "string", { jsonName: "" }],
  ["taken", 18, "string", { jsonName: "later" }],
  ["later", 19, "string"],
]);
const definition = defineMask<string>(placeSchema, { profile: "read" });
const maskOf = (...paths: string[]) => compileMask(definition, paths, { emptyMask: "nothing" });

test.each<[string[], string]>([
  [["*"], "*"],
  [["address_1", "line_2_text"], "address1,line2Text"],
  [["UPPER_CASE", "mixedCase", "trailing_"], "UPPERCASE,mixedCase,trailing"],
  [["__proto__"], "Proto"],
  [["display_name", "kind"], "label,@type"],
  [["place.place.address_1"], "place.place.address1"],
  [["sub_places.*.address_1"], "subPlaces.*.address1"],
  [["by_name.*.display_name", "by_name.my_key"], "byName.*.label,byName.my_key"],
  [["by_name.my_Key.place.address_1"], "byName.my_Key.place.address1"],
  [["free_tags.a_b", "free_tags.`a,b`", "free_tags.`a.b`"], "freeTags.`a,b`,freeTags.`a.b`,freeTags.a_b"],
  [["free_tags.`*`", "free_tags.address_1"], "freeTags.`*`,freeTags.address_1"],
])("a mask of %j is %j in JSON, both ways", (paths, json) => {
  const mask = maskOf(...paths);
  expect(maskToJson(mask)).toBe(json);
  expect(jsonToPaths(placeSchema, json)).toEqual(maskPaths(mask));
});

const caught = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

test.each(["with_dot", "with_comma", "with_star", "with_tick", "unnamed", "taken"])(
  "%s has a JSON name that no path can have, or that is another field's",
  (name) => {
    const error = caught(() => maskToJson(maskOf("address_1", `place.${name}`)));
    expect(error).toBeInstanceOf(FieldMaskJsonError);
    expect(error).toMatchObject({
      code: "IRREVERSIBLE",
      path: `place.${name}`,
      message: `the path "place.${name}" has "${name}", whose JSON name fits no path`,
    });
  },
);

test("nothing has no JSON form, since an empty text reads as everything", () => {
  for (const mask of [maskOf(), maskOf("nope"), maskOf("place.nope")]) {
    expect(caught(() => maskToJson(mask))).toMatchObject({
      code: "IRREVERSIBLE",
      path: undefined,
      message: 'a mask that selects nothing has no JSON form: "" reads as everything',
    });
  }
});

test("paths are read without judging them, in their order", () => {
  expect(jsonToPaths(placeSchema, "")).toEqual([]);
  expect(jsonToPaths(placeSchema, "address1,,*,address1,")).toEqual(["address_1", "*", "address_1"]);
  expect(jsonToPaths(placeSchema, "subPlaces.address1")).toEqual(["sub_places.address_1"]);
  expect(jsonToPaths(placeSchema, "byName.`my_key`.address1")).toEqual(["by_name.`my_key`.address_1"]);
});

test.each<[unknown, string | undefined, string]>([
  [
    "address_1",
    "address_1",
    `the path "address_1" has "address_1", which is no JSON name of a field of json.Place`,
  ],
  [
    "label,displayName",
    "displayName",
    `the path "displayName" has "displayName", which is no JSON name of a field of json.Place`,
  ],
  [
    "place.toString",
    "place.toString",
    `the path "place.toString" has "toString", which is no JSON name of a field of json.Place`,
  ],
  ["place.*", "place.*", `the path "place.*" has "*", which is no JSON name of a field of json.Place`],
  ["`label`", "`label`", 'the path "`label`" has "label", which is no JSON name of a field of json.Place'],
  [
    "subPlaces.0.address1",
    "subPlaces.0.address1",
    `the path "subPlaces.0.address1" has "0", which is no JSON name of a field of json.Place`,
  ],
  ["label.x", "label.x", `the path "label.x" goes on with "x" after what has no fields`],
  ["freeTags.k.x", "freeTags.k.x", `the path "freeTags.k.x" goes on with "x" after what has no fields`],
  ["label,,a..b", "a..b", `the path "a..b" has an empty segment`],
  ["freeTags.`a,b", "freeTags.`a,b", 'the path "freeTags.`a,b" has a backtick that is not closed'],
  [{ paths: [] }, undefined, "a field mask in JSON is a string, not of type object"],
])("%j is no mask in JSON", (json, path, message) => {
  const error = caught(() => jsonToPaths(placeSchema, json));
  expect(error).toBeInstanceOf(FieldMaskJsonError);
  expect(error).toMatchObject({ code: "INVALID_JSON_MASK", path, message });
});
