import { checkPaths } from "@fieldpost/fieldmask";
import { expect, test } from "vitest";
import { authorSchema, bookSchema } from "./library.ts";

const read = (...paths: string[]) => checkPaths(bookSchema, paths, { profile: "read" });
const update = (...paths: string[]) => checkPaths(bookSchema, paths, { profile: "update" });

test.each([
  "name",
  "author.given_name",
  "co_authors",
  "co_authors.*",
  "co_authors.*.given_name",
  "co_authors.given_name",
  "tags.*",
  "labels.env",
  "labels.*",
  "labels.`*`",
  "labels.`a.b`",
  "reviewers.ada.given_name",
  "reviewers.*.given_name",
  "pages.-2147483648",
  "pages.0",
  "positions.18446744073709551615.given_name",
  "switches",
  "switches.*",
  "sequel.sequel.sequel.name",
  "volumes.*.volumes.*.name",
  "translations.de.translations.fr.name",
  "constructor",
  "__proto__",
  "*",
])("a read mask may hold %s", (path) => {
  expect(read(path)).toEqual([]);
});

test.each([
  ["nope", "UNKNOWN_FIELD"],
  ["author.nope", "UNKNOWN_FIELD"],
  ["toString", "UNKNOWN_FIELD"],
  ["author.constructor", "UNKNOWN_FIELD"],
  ["author.__proto__", "UNKNOWN_FIELD"],
  ["`name`", "UNKNOWN_FIELD"],
  ["name.first", "NO_FIELDS_BELOW"],
  ["tags.*.x", "NO_FIELDS_BELOW"],
  ["tags.x", "NO_FIELDS_BELOW"],
  ["labels.env.x", "NO_FIELDS_BELOW"],
  ["author.*", "WILDCARD_MISPLACED"],
  ["*.name", "WILDCARD_MISPLACED"],
  ["co_authors.0", "LIST_INDEX"],
  ["pages.01", "BAD_MAP_KEY"],
  ["pages.-0", "BAD_MAP_KEY"],
  ["pages.+1", "BAD_MAP_KEY"],
  ["pages.1e3", "BAD_MAP_KEY"],
  ["pages.2147483648", "BAD_MAP_KEY"],
  ["positions.-1", "BAD_MAP_KEY"],
  ["positions.18446744073709551616", "BAD_MAP_KEY"],
  ["switches.true", "BAD_MAP_KEY"],
])("a read mask may not hold %s: %s", (path, reason) => {
  expect(read(path)).toMatchObject([{ index: 0, path, reason }]);
});

test("an update mask goes into maps and messages, but a list stands last", () => {
  expect(
    update("author.given_name", "labels.env", "reviewers.ada.given_name", "co_authors", "*x"),
  ).toMatchObject([{ index: 4, reason: "UNKNOWN_FIELD" }]);
  expect(update("co_authors.*.given_name", "co_authors.given_name", "tags.*")).toMatchObject([
    { index: 0, reason: "LIST_NOT_LAST", suggestion: "co_authors" },
    { index: 1, reason: "LIST_NOT_LAST", suggestion: "co_authors" },
    { index: 2, reason: "LIST_NOT_LAST", suggestion: "tags" },
  ]);
});

test("all violations are reported, each with its position", () => {
  expect(read("nope", "name", "author.zip", "").map(({ index, path }) => [index, path])).toEqual([
    [0, "nope"],
    [2, "author.zip"],
    [3, ""],
  ]);
});

test("a star among other paths is refused, and so is each of several", () => {
  expect(read("name", "*")).toMatchObject([{ index: 1, reason: "WILDCARD_NOT_ALONE" }]);
  expect(read("*", "*")).toEqual([]);
});

test.each([
  ["displayName", "display_name"],
  ["author.givenName", "author.given_name"],
  ["coAuthors.*.familyName", "co_authors.*.family_name"],
  ["Display_Name", "display_name"],
  ["reviewers.`Ada L`.givenName", "reviewers.`Ada L`.given_name"],
  ["co_authors.0.given_name", "co_authors.*.given_name"],
  ["volumes.0.volumes.1.coAuthors.2", "volumes.*.volumes.*.co_authors.*"],
])("%s is answered with %s", (path, suggestion) => {
  expect(read(path)).toMatchObject([{ path, suggestion }]);
  expect(read(suggestion)).toEqual([]);
});

test("nothing is suggested that would be wrong as well", () => {
  expect(read("displayName.nope", "nope", "co_authors.0.nope").map(({ suggestion }) => suggestion)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("where one mask serves two messages, a path of either is right", () => {
  const violations = checkPaths(authorSchema, ["given_name", "name", "nope"], {
    profile: "read",
    also: bookSchema,
  });
  expect(violations).toMatchObject([{ index: 2, path: "nope" }]);
});

test("a description repeats a hostile name only in part", () => {
  const [violation] = read("x".repeat(1_000_000));
  expect(violation?.description.length).toBeLessThan(200);
});
