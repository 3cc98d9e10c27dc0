import { MaskError, checkPaths, toBadRequest } from "@fieldpost/fieldmask";
import type { Violation } from "@fieldpost/fieldmask";
import { expect, test } from "vitest";
import { bookSchema } from "./library.ts";

const violations = checkPaths(bookSchema, ["name", "coAuthors", "", "tags.*.x", "labels.`a"], {
  profile: "read",
});

test("each violation says which path, what is wrong, and what was meant", () => {
  expect(toBadRequest(violations)).toEqual({
    fieldViolations: [
      {
        field: "update_mask.paths[1]",
        description:
          'The path "coAuthors" has "coAuthors", which is no field of library.Book. Did you mean co_authors?',
        reason: "UNKNOWN_FIELD",
      },
      { field: "update_mask.paths[2]", description: 'The path "" is empty.', reason: "EMPTY_PATH" },
      {
        field: "update_mask.paths[3]",
        description: 'The path "tags.*.x" goes on after tags, whose entries have no fields.',
        reason: "NO_FIELDS_BELOW",
      },
      {
        field: "update_mask.paths[4]",
        description: 'The path "labels.`a" has a backtick that is not closed.',
        reason: "BAD_SYNTAX",
      },
    ],
  });
});

test("the mask's field is the caller's to name", () => {
  expect(toBadRequest(violations.slice(0, 1), "query.read_mask").fieldViolations[0]?.field).toBe(
    "query.read_mask.paths[1]",
  );
  expect(toBadRequest([])).toEqual({ fieldViolations: [] });
});

test("reasons are as google.rpc.ErrorInfo has them", () => {
  const paths = [
    "*",
    "a,b",
    "x".repeat(3),
    "name.x",
    "pages.x",
    "tags.0",
    "author.*",
    "a.".repeat(300) + "a",
    "",
  ];
  const { fieldViolations } = toBadRequest(
    checkPaths(bookSchema, [...paths, "tags.*"], { profile: "update" }),
  );
  expect(fieldViolations.map(({ reason }) => reason)).toEqual([
    "WILDCARD_NOT_ALONE",
    "BAD_SYNTAX",
    "UNKNOWN_FIELD",
    "NO_FIELDS_BELOW",
    "BAD_MAP_KEY",
    "LIST_NOT_LAST",
    "WILDCARD_MISPLACED",
    "TOO_LARGE",
    "EMPTY_PATH",
    "LIST_NOT_LAST",
  ]);
  for (const { reason } of fieldViolations) expect(reason).toMatch(/^[A-Z][A-Z0-9_]{0,61}[A-Z0-9]$/);
});

test("a hostile path is repeated only in part, and a suggestion whole or not at all", () => {
  const key = "k".repeat(300);
  const paths = ["x".repeat(1_000_000), `reviewers.${key}.givenName`];
  const [unknown, close] = toBadRequest(checkPaths(bookSchema, paths, { profile: "read" })).fieldViolations;
  expect(unknown?.description.length).toBeLessThan(300);
  expect(close?.description).toMatch(/ which is no field of library.Author\.$/);
});

test("the error that is thrown lists the violations", () => {
  const error = new MaskError(violations);
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe("MaskError");
  expect(error.violations).toEqual(violations);
  expect(error.message).toBe(
    'The path "coAuthors" has "coAuthors", which is no field of library.Book. Did you mean co_authors? ' +
      'The path "" is empty. The path "tags.*.x" goes on after tags, whose entries have no fields. ' +
      'The path "labels.`a" has a backtick that is not closed.',
  );
});

test("of very many violations the error lists ten", () => {
  const many = Array.from({ length: 1_000 }, (_, index): Violation => ({
    index,
    path: `p${index}`,
    reason: "UNKNOWN_FIELD",
    description: "is wrong",
  }));
  const { message } = new MaskError(many);
  expect(message).toMatch(/^The path "p0" is wrong\. .*The path "p9" is wrong\. And 990 more\.$/);
});
