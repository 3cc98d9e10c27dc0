import { formatPath, parsePath } from "@fieldpost/fieldmask";
import type { PathSegment } from "@fieldpost/fieldmask";
import * as fc from "fast-check";
import { expect, test } from "vitest";

const bare = (text: string): PathSegment => ({ text, quoted: false });
const quoted = (text: string): PathSegment => ({ text, quoted: true });

test.each([
  ["name", [bare("name")]],
  ["a.b_c.d1", [bare("a"), bare("b_c"), bare("d1")]],
  ["items.*.sku", [bare("items"), bare("*"), bare("sku")]],
  ["labels.`a.b`", [bare("labels"), quoted("a.b")]],
  ["labels.`a,b`.x", [bare("labels"), quoted("a,b"), bare("x")]],
  ["labels.``", [bare("labels"), quoted("")]],
  ["labels.`*`", [bare("labels"), quoted("*")]],
  ["labels.app-name", [bare("labels"), bare("app-name")]],
  ["notes.-3.text", [bare("notes"), bare("-3"), bare("text")]],
])("%s is split into its segments", (path, segments) => {
  expect(parsePath(path)).toEqual({ ok: true, segments });
});

test.each([
  ["", "EMPTY_PATH"],
  [".", "BAD_SYNTAX"],
  [".a", "BAD_SYNTAX"],
  ["a.", "BAD_SYNTAX"],
  ["a..b", "BAD_SYNTAX"],
  ["a,b", "BAD_SYNTAX"],
  ["a.`b", "BAD_SYNTAX"],
  ["a.`b`c", "BAD_SYNTAX"],
  ["a.b`c`", "BAD_SYNTAX"],
  ["a.`b`.", "BAD_SYNTAX"],
  ["a.`b`.c,d", "BAD_SYNTAX"],
])("%j is no path: %s", (path, reason) => {
  expect(parsePath(path)).toMatchObject({ ok: false, reason });
});

test("a key is written bare where it can stand bare, and between backticks elsewhere", () => {
  expect(formatPath([bare("labels"), quoted("env")])).toBe("labels.`env`");
  expect(formatPath([bare("labels"), bare("env")])).toBe("labels.env");
  expect(formatPath([bare("labels"), bare("a-b")])).toBe("labels.`a-b`");
  expect(formatPath([bare("notes"), bare("-3")])).toBe("notes.-3");
});

test("a key with a backtick cannot be written", () => {
  const format = (key: string) => (): string => formatPath([bare("labels"), quoted(key)]);
  expect(format("a`b")).toThrow(new RangeError('a key with a backtick has no path: "a`b"'));
  expect(format("`".repeat(100))).toThrow(
    new RangeError(`a key with a backtick has no path: "${"`".repeat(64)}…"`),
  );
});

const segment = fc.oneof(
  fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/).map(bare),
  fc.constant(bare("*")),
  fc
    .string({ unit: "grapheme" })
    .filter((text) => !text.includes("`"))
    .map(quoted),
);

test("what is formatted is parsed back to the same segments", () => {
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 20 }), (segments) => {
      expect(parsePath(formatPath(segments))).toEqual({ ok: true, segments });
    }),
  );
});

test("no text makes the parser throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", ".", "`", "*", ",", "-", "0") }), (text) => {
      expect(() => parsePath(text)).not.toThrow();
    }),
  );
});
