// Messages that are held as the type checker allows, or as JSON.parse gives them, though ts-proto itself would not have
// made them so.

import { ALL, maskPaths } from "@fieldpost/fieldmask";
import {
  copyBytes,
  defineMask,
  diffBy,
  listPart,
  mapPart,
  objectPart,
  pruneBy,
  scalarMapPart,
  scalarObjectPart,
  scalarsPart,
  updateBy,
} from "@fieldpost/fieldmask/codegen";
import { expect, test } from "vitest";
import { authorSchema, bookSchema, maskOf } from "./library.ts";

test("what an instance of a class has getters for is set", () => {
  class Row {
    get given_name(): string {
      return "Ada";
    }
    get family_name(): string {
      return "Lovelace";
    }
  }
  const ada = { given_name: "Ada", family_name: "Lovelace" };
  const { nothing } = defineMask(authorSchema, { profile: "read" });
  expect(pruneBy(authorSchema, new Row(), nothing)).toEqual(ada);
  expect(updateBy(authorSchema, new Row(), { given_name: "", family_name: "" }, nothing)).toEqual(ada);
  expect(maskPaths(diffBy(authorSchema, new Row(), ada))).toEqual([]);
});

test("null is as good as undefined, in lists, maps and bytes too", () => {
  const none = null as unknown as undefined;
  const keep = (): never => expect.unreachable();
  expect(copyBytes(none)).toBeNull();
  expect(listPart(none, ALL, keep, 1)).toEqual([]);
  expect(scalarsPart(none, ALL)).toEqual([]);
  expect(mapPart(none, ALL, keep, 1)).toEqual(new Map());
  expect(scalarMapPart(none, ALL)).toEqual(new Map());
  expect(objectPart(none, ALL, keep, 1)).toEqual({});
  expect(scalarObjectPart(none, ALL)).toEqual({});
  const book = { name: "n", author: { given_name: "Ada", family_name: "" } };
  expect(updateBy<object>(bookSchema, book, none, maskOf("author.given_name"))).toMatchObject({
    name: "n",
    author: { given_name: "", family_name: "" },
  });
});
