import { compileMask, includes, touches } from "@fieldpost/fieldmask";
import { expect, test } from "vitest";
import { readMask } from "./library.ts";

/** mask, path, all of it is selected, some of it is selected */
const cases: [string[], string, boolean, boolean][] = [
  [["author"], "author", true, true],
  [["author"], "author.given_name", true, true],
  [["author.given_name"], "author", false, true],
  [["author.given_name"], "author.given_name", true, true],
  [["author.given_name"], "author.family_name", false, false],
  [["author.given_name"], "name", false, false],
  [["name"], "*", false, true],
  [["*"], "*", true, true],
  [["*"], "volumes.*.name", true, true],
  [["*"], "nope", false, false],
  [["*"], "author.nope", false, false],
  [["author"], "", false, false],
  [["co_authors.*.given_name"], "co_authors", false, true],
  [["co_authors.*.given_name"], "co_authors.*.given_name", true, true],
  [["co_authors.given_name"], "co_authors.*.given_name", true, true],
  [["co_authors.*"], "co_authors", true, true],
  [["co_authors"], "co_authors.*.given_name", true, true],
  [["labels.env"], "labels", false, true],
  [["labels.env"], "labels.env", true, true],
  [["labels.env"], "labels.`env`", true, true],
  [["labels.env"], "labels.team", false, false],
  [["labels.env"], "labels.*", false, true],
  [["labels"], "labels.env", true, true],
  [["labels.*"], "labels", true, true],
  [["labels.`*`"], "labels.env", false, false],
  [["labels.`*`"], "labels.`*`", true, true],
  [["reviewers.ada"], "reviewers.ada.given_name", true, true],
  [["reviewers.ada.given_name"], "reviewers.ada", false, true],
  [["reviewers.*.given_name"], "reviewers.ada.given_name", true, true],
  [["reviewers.*.given_name"], "reviewers.*.given_name", true, true],
  [["reviewers.ada.given_name"], "reviewers.*.given_name", false, true],
  [["reviewers.ada.given_name"], "reviewers.*.family_name", false, false],
  [["reviewers.*.given_name", "reviewers.ada.family_name"], "reviewers.ada.family_name", true, true],
  [["switches"], "switches.true", false, false],
];

test.each(cases)("with the mask %j, of %s is selected all: %s, some: %s", (paths, path, all, some) => {
  const mask = compileMask(readMask, paths);
  expect(includes<string>(mask, path)).toBe(all);
  expect(touches<string>(mask, path)).toBe(some);
});
