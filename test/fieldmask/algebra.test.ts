import {
  ALL,
  NOTHING,
  compileMask,
  includes,
  intersectMasks,
  maskPaths,
  subtractMasks,
  touches,
  unionMasks,
} from "@fieldpost/fieldmask";
import { defineMask } from "@fieldpost/fieldmask/codegen";
import { expect, test } from "vitest";
import { expectInProportion } from "../support/growth.ts";
import { authorSchema, bookSchema, maskOf } from "./library.ts";

const allBut = (...names: string[]): string[] =>
  bookSchema.fields
    .map(({ name }) => name)
    .filter((name) => !names.includes(name))
    .toSorted();

test("a union selects what one of the masks does", () => {
  const union = unionMasks(maskOf("name", "author.given_name"), maskOf("author"), maskOf("labels.env"));
  expect(maskPaths(union)).toEqual(["author", "labels.env", "name"]);
  expect(union.schema).toBe(bookSchema);
  expect(unionMasks(maskOf("name"), maskOf("*")).selection).toBe(ALL);
  expect(unionMasks(maskOf(), maskOf()).selection).toBe(NOTHING);
  expect(unionMasks(maskOf(), maskOf("author.nope")).selection).toBe(NOTHING);
  expect(maskPaths(unionMasks(maskOf("name")))).toEqual(["name"]);
});

test.each<[string[], string[], string[]]>([
  [["name"], ["display_name"], []],
  [["name"], [], []],
  [["author"], ["author.nope"], []],
  [["author.given_name"], ["author.family_name"], []],
  [["*"], ["labels.env", "author"], ["author", "labels.env"]],
  [["author", "name"], ["author.given_name", "tags"], ["author.given_name"]],
  [["co_authors.*.given_name"], ["co_authors"], ["co_authors.*.given_name"]],
  [["co_authors.given_name"], ["co_authors.*.given_name"], ["co_authors.*.given_name"]],
  [["labels"], ["labels.env"], ["labels.env"]],
  [["labels.env"], ["labels.team"], []],
  [["reviewers.*.given_name"], ["reviewers.ada"], ["reviewers.ada.given_name"]],
  [["reviewers.*.given_name"], ["reviewers.ada.family_name"], []],
  [
    ["reviewers.*.given_name", "reviewers.ada.family_name"],
    ["reviewers.*.family_name", "reviewers.bob"],
    ["reviewers.ada.family_name", "reviewers.bob.given_name"],
  ],
  [
    ["translations.*.labels.env", "translations.*.tags"],
    ["translations.de.labels", "translations.fr.tags"],
    ["translations.de.labels.env", "translations.fr.tags"],
  ],
  [["sequel.sequel"], ["sequel.sequel.sequel.name"], ["sequel.sequel.sequel.name"]],
])("%j and %j have in common %j", (a, b, common) => {
  for (const mask of [
    intersectMasks(maskOf(...a), maskOf(...b)),
    intersectMasks(maskOf(...b), maskOf(...a)),
  ]) {
    expect(maskPaths(mask)).toEqual(common);
    expect(mask.selection === NOTHING).toBe(common.length === 0);
  }
});

test("what masks have in common that have nothing in common is nothing, not everything", () => {
  const nothing = intersectMasks(maskOf("name"), maskOf("tags"));
  expect(nothing.selection).toBe(NOTHING);
  expect(includes(nothing, "name")).toBe(false);
  expect(includes(nothing, "*")).toBe(false);
  expect(intersectMasks(maskOf("*"), maskOf("*"), maskOf()).selection).toBe(NOTHING);
  expect(intersectMasks(maskOf("*"), maskOf("*")).selection).toBe(ALL);
});

test.each<[string, string[], string[][], string[]]>([
  ["nothing taken away", ["name", "tags"], [[]], ["name", "tags"]],
  ["something else taken away", ["name"], [["tags", "author.given_name"]], ["name"]],
  ["itself taken away", ["name"], [["name"]], []],
  ["everything taken away", ["name"], [["*"]], []],
  ["everything from everything", ["*"], [["*"]], []],
  ["a parent taken away", ["author.given_name", "name"], [["author"]], ["name"]],
  ["a child taken away", ["author"], [["author.given_name"]], ["author.family_name"]],
  ["all children taken away, one by one", ["author"], [["author.given_name"], ["author.family_name"]], []],
  [
    "all children taken away at once",
    ["author", "name"],
    [["author.given_name", "author.family_name"]],
    ["name"],
  ],
  ["an unknown child taken away", ["author"], [["author.nope"]], ["author"]],
  ["an unknown child of an entry taken away", ["reviewers"], [["reviewers.ada.nope"]], ["reviewers"]],
  ["a field taken from everything", ["*"], [["name"]], allBut("name")],
  ["an unknown field taken from everything", ["*"], [["nope"]], ["*"]],
  [
    "a grandchild taken from everything",
    ["*"],
    [["author.given_name", "tags"]],
    [...allBut("author", "tags"), "author.family_name"].toSorted(),
  ],
  ["a field of all elements", ["co_authors"], [["co_authors.*.given_name"]], ["co_authors.*.family_name"]],
  ["a list of scalars, by its star", ["tags", "name"], [["tags.*"]], ["name"]],
  ["a field of all entries", ["reviewers"], [["reviewers.*.given_name"]], ["reviewers.*.family_name"]],
  ["a map, by its star", ["labels", "name"], [["labels.*"]], ["name"]],
  ["an entry that was named", ["labels.env", "labels.team"], [["labels.env"]], ["labels.team"]],
  ["the last entry that was named", ["labels.env"], [["labels.env", "labels.team"]], []],
  ["an entry of a map that is not whole", ["labels.env"], [["labels.team"]], ["labels.env"]],
  [
    "a field of an entry that was named",
    ["reviewers.ada", "reviewers.bob"],
    [["reviewers.ada.given_name"]],
    ["reviewers.ada.family_name", "reviewers.bob"],
  ],
  [
    "a field of all entries, from one that was named",
    ["reviewers.ada", "name"],
    [["reviewers.*.given_name"]],
    ["name", "reviewers.ada.family_name"],
  ],
  [
    "a field of one entry that goes from all anyway",
    ["reviewers"],
    [["reviewers.*.given_name", "reviewers.ada.given_name"]],
    ["reviewers.*.family_name"],
  ],
  [
    "all fields of all entries",
    ["reviewers", "name"],
    [["reviewers.*.given_name", "reviewers.*.family_name", "reviewers.ada"]],
    ["name"],
  ],
  [
    "of one entry what is not selected of all",
    ["reviewers.*.given_name", "reviewers.ada.family_name"],
    [["reviewers.ada.family_name"]],
    ["reviewers.*.given_name"],
  ],
  [
    "a map without one of its keys, and then the rest of it",
    ["reviewers", "name"],
    [["reviewers.ada"], ["reviewers"]],
    ["name"],
  ],
  [
    "of an entry what could not go alone, but goes from all",
    ["translations.de", "name"],
    [["translations.de.labels.env", "translations.*.labels"]],
    ["name", ...allBut("labels").map((name) => `translations.de.${name}`)],
  ],
  [
    "a message that contains itself",
    ["sequel.author"],
    [["sequel.author.given_name"]],
    ["sequel.author.family_name"],
  ],
  ["names of prototypes", ["constructor", "__proto__"], [["__proto__"]], ["constructor"]],
])("difference: %s", (_, a, others, rest) => {
  const mask = subtractMasks(maskOf(...a), ...others.map((paths) => maskOf(...paths)));
  expect(maskPaths(mask)).toEqual(rest);
  expect(mask.selection === NOTHING).toBe(rest.length === 0);
});

test("a parent of which nothing is left is not there, not even empty", () => {
  const b = maskOf(
    "author.given_name",
    "author.family_name",
    "co_authors.given_name",
    "reviewers.*.given_name",
  );
  const rest = subtractMasks(
    maskOf("author", "co_authors.given_name", "reviewers.ada.given_name", "name"),
    b,
  );
  const common = intersectMasks(
    maskOf("author.given_name", "co_authors.given_name", "reviewers.ada.given_name", "name"),
    maskOf("author.family_name", "co_authors.family_name", "reviewers.ada.family_name", "name"),
  );
  for (const mask of [rest, common]) {
    expect(maskPaths(mask)).toEqual(["name"]);
    expect(["author", "co_authors", "reviewers"].filter((path) => touches(mask, path))).toEqual([]);
  }
});

test("a message that contains itself is written out only as far as it must be", () => {
  const rest = maskPaths(subtractMasks(maskOf("*"), maskOf("sequel.sequel.name", "volumes.name")));
  expect(rest).toEqual(
    [
      ...allBut("sequel", "volumes"),
      ...allBut("sequel").map((name) => `sequel.${name}`),
      ...allBut("name").map((name) => `sequel.sequel.${name}`),
      ...allBut("name").map((name) => `volumes.*.${name}`),
    ].toSorted(),
  );
});

test("nothing taken away leaves the tree as it is", () => {
  const mask = maskOf("author", "labels.env");
  expect(subtractMasks(mask, maskOf("name", "author.nope", "labels.team")).selection).toBe(mask.selection);
});

test.each<[string[], string[], string, string]>([
  [["labels"], ["labels.env"], "labels", "labels.env"],
  [["*"], ["labels.`a.b`"], "labels", "labels.`a.b`"],
  [["pages"], ["pages.-3"], "pages", "pages.-3"],
  [["reviewers"], ["reviewers.ada.given_name"], "reviewers", "reviewers.ada.given_name"],
  [["reviewers"], ["reviewers.ada"], "reviewers", "reviewers.ada"],
  [["reviewers.*.given_name"], ["reviewers.ada"], "reviewers.*.given_name", "reviewers.ada.given_name"],
  [
    ["reviewers"],
    ["reviewers.*.given_name", "reviewers.ada"],
    "reviewers.*.family_name",
    "reviewers.ada.family_name",
  ],
  [["volumes"], ["volumes.*.labels.env"], "volumes.*.labels", "volumes.*.labels.env"],
  [
    ["translations.de", "name"],
    ["translations.*.reviewers.ada.given_name"],
    "translations.de.reviewers",
    "translations.de.reviewers.ada.given_name",
  ],
])("no mask selects %j without %j, and the error says which paths", (a, b, kept, gone) => {
  expect(() => subtractMasks(maskOf(...a), maskOf(...b))).toThrow(
    new RangeError(`no mask selects ${kept} without ${gone}`),
  );
});

test("masks for different messages do not mix", () => {
  const other = compileMask(defineMask<string>(authorSchema, { profile: "read" }), ["given_name"]);
  for (const operation of [unionMasks, intersectMasks, subtractMasks]) {
    expect(() => operation(maskOf("name"), other)).toThrow(
      new TypeError("a mask for library.Author does not fit library.Book"),
    );
  }
});

test("the masks that go in do not change", () => {
  const paths = ["author", "translations.*.name", "translations.de", "co_authors.given_name"];
  const a = maskOf(...paths, "name");
  const b = maskOf("translations.*.tags", "author.given_name", "translations.fr.name");
  const before = [maskPaths(a), maskPaths(b)];
  unionMasks(a, b);
  intersectMasks(a, b);
  subtractMasks(a, maskOf("author.given_name", "translations.*.name", "co_authors.given_name"));
  expect([maskPaths(a), maskPaths(b)]).toEqual(before);
});

test("a result that is larger than its bytes justify is refused, and that is no more work than a smaller one", () => {
  const deep = "sequel.".repeat(100);
  const problem = "the result has more than 10000 trees";
  const outcome = (work: () => unknown): string => {
    try {
      work();
      return "accepted";
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      return (error as RangeError).message;
    }
  };
  const outcomes = expectInProportion(180, (count) => {
    const keys = Array.from({ length: count }, (_, i) => `translations.k${i}`);
    const many = unionMasks(maskOf(), ...keys.map((key) => maskOf(`${key}.${deep}labels`)));
    return () => [
      outcome(() => intersectMasks(many, maskOf(`translations.*.${deep}labels.env`))),
      outcome(() => subtractMasks(maskOf(...keys), maskOf(`translations.*.${deep}name`))),
    ];
  });
  expect(outcomes).toEqual([problem, problem]);
});

test("masks as deep as paths may be are joined, met and taken from each other", () => {
  const above = "sequel.".repeat(255);
  const [a, b] = [maskOf(`${above}author`), maskOf(`${above}author`, `${above}name`)];
  expect(maskPaths(unionMasks(a, b))).toEqual([`${above}author`, `${above}name`]);
  expect(maskPaths(intersectMasks(a, b))).toEqual([`${above}author`]);
  expect(maskPaths(subtractMasks(b, a))).toEqual([`${above}name`]);
});
