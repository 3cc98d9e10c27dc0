import { allFieldPaths, pathsOfFieldNumbers } from "@fieldpost/fieldmask";
import { defineMessage } from "@fieldpost/fieldmask/codegen";
import { expect, test } from "vitest";
import { authorSchema, bookSchema } from "./library.ts";

test("all fields are those of the message itself, as they were declared", () => {
  expect(allFieldPaths(authorSchema)).toEqual(["given_name", "family_name"]);
  expect(allFieldPaths(bookSchema).slice(2, 5)).toEqual(["author", "co_authors", "tags"]);
  expect(allFieldPaths(bookSchema)).toHaveLength(15);
  const shape = {
    oneof: "unions",
    maps: "Map",
    long: "bigint",
    noBytes: new Uint8Array(0),
  } as const;
  expect(allFieldPaths(defineMessage("library.Empty", shape, () => []))).toEqual([]);
});

test("numbers become paths in the order given, repeats included", () => {
  expect(pathsOfFieldNumbers(bookSchema, [])).toEqual([]);
  expect(pathsOfFieldNumbers(bookSchema, [15, 2, 2, 1])).toEqual([
    "__proto__",
    "display_name",
    "display_name",
    "name",
  ]);
});

test.each([0, -1, 16, 1.5, Number.NaN])("%s is the number of no field", (number) => {
  expect(() => pathsOfFieldNumbers(bookSchema, [1, number])).toThrow(
    new RangeError(`library.Book has no field with the number ${number}`),
  );
});
