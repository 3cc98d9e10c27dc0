// Updates beyond the vectors: what field behavior (AIP-203) allows, that a refused update changes nothing, and that no
// mask, an empty one, `*` and NOTHING are four different things. For both targets.

import type { JsonValue } from "@bufbuild/protobuf";
import { MaskError } from "@fieldpost/fieldmask";
import { describe, expect, test } from "vitest";
import { shared } from "../laws/sharing.ts";
import { targets } from "./targets.ts";
import { openVectorSchema } from "./vectors.ts";

const schema = openVectorSchema();

describe.each(targets)("$name", (target) => {
  const functions = target.message("Account");
  const decode = (json: JsonValue): object => functions.decode(schema.encode("Account", json));
  const toJson = (message: object): JsonValue => schema.toJson("Account", functions.encode(message));

  function update(
    target: JsonValue,
    patch: JsonValue,
    paths: string[] | undefined,
    options: { fieldBehavior?: boolean } = {},
  ): JsonValue {
    const result = functions.parseUpdate(paths);
    if (!result.ok) throw new MaskError(result.violations);
    return toJson(functions.update(decode(target), decode(patch), result.mask, options));
  }

  /** The violations as `[path, reason]`. */
  function refused(work: () => unknown): unknown {
    try {
      work();
    } catch (error) {
      if (error instanceof MaskError) return error.violations.map(({ path, reason }) => [path, reason]);
      throw error;
    }
    return "accepted";
  }

  const behaving = { fieldBehavior: true };
  const time = "2020-01-01T00:00:00Z";
  const later = "2031-01-01T00:00:00Z";

  describe("OUTPUT_ONLY is left as it is", () => {
    test("where it is named, where its parent is, under * and without a mask", () => {
      const old = { owner: "o", createTime: time, audit: { creator: "c", comment: "a" } };
      const patch = { owner: "o", createTime: later, audit: { creator: "x", comment: "b" } };
      expect(update(old, patch, ["create_time", "audit.creator"], behaving)).toEqual(old);
      const commented = { owner: "o", createTime: time, audit: { creator: "c", comment: "b" } };
      expect(update(old, patch, ["audit"], behaving)).toEqual(commented);
      expect(update(old, patch, ["*"], behaving)).toEqual(commented);
      expect(update(old, patch, undefined, behaving)).toEqual(commented);
    });

    test("also where its parent is cleared, or new", () => {
      const old = { owner: "o", audit: { creator: "c", comment: "a" } };
      expect(update(old, {}, ["audit"], behaving)).toEqual({ owner: "o", audit: { creator: "c" } });
      expect(update({}, { audit: { creator: "x", comment: "b" } }, ["audit"], behaving)).toEqual({
        audit: { comment: "b" },
      });
    });

    test("named alone in a message that the target does not have, it does not make that message", () => {
      expect(update({}, { audit: { creator: "x", comment: "b" } }, ["audit.creator"], behaving)).toEqual({});
      const both = ["audit.creator", "audit.comment"];
      expect(update({}, { audit: { creator: "x", comment: "b" } }, both, behaving)).toEqual({
        audit: { comment: "b" },
      });
    });

    test("but is like any other field where behavior is not asked for", () => {
      expect(update({ createTime: time }, { createTime: later }, ["create_time"])).toEqual({
        createTime: later,
      });
    });
  });

  describe("IMMUTABLE and IDENTIFIER", () => {
    test("may be named, unchanged", () => {
      const old = { name: "accounts/1", region: "eu", owner: "o" };
      expect(update(old, { ...old, displayName: "d" }, ["*"], behaving)).toEqual({
        ...old,
        displayName: "d",
      });
      expect(update(old, old, ["name", "region"], behaving)).toEqual(old);
    });

    test("changed are refused, all of them, and so is a clearing", () => {
      const old = { name: "accounts/1", region: "eu", owner: "o" };
      const patch = { name: "accounts/2", owner: "o" };
      const violations = [
        ["name", "IMMUTABLE_CHANGED"],
        ["region", "IMMUTABLE_CHANGED"],
      ];
      expect(refused(() => update(old, patch, ["name", "region", "owner"], behaving))).toEqual(violations);
      expect(refused(() => update(old, patch, ["*"], behaving))).toEqual(violations);
      expect(refused(() => update(old, patch, undefined, behaving))).toEqual([["name", "IMMUTABLE_CHANGED"]]);
    });
  });

  describe("REQUIRED", () => {
    test("is refused where it is named and empty, also under *", () => {
      const old = { owner: "o", displayName: "d" };
      expect(refused(() => update(old, {}, ["owner"], behaving))).toEqual([["owner", "REQUIRED_EMPTY"]]);
      expect(refused(() => update(old, { displayName: "e" }, ["*"], behaving))).toEqual([
        ["owner", "REQUIRED_EMPTY"],
      ]);
    });

    test("does not matter where it is not named", () => {
      expect(update({}, { displayName: "d" }, ["display_name"], behaving)).toEqual({ displayName: "d" });
      expect(update({ owner: "o" }, { displayName: "d" }, undefined, behaving)).toEqual({
        owner: "o",
        displayName: "d",
      });
    });
  });

  test("no mask, an empty one, * and NOTHING", () => {
    const old = { displayName: "d", score: 1, contact: { email: "e", note: "n" }, labels: { a: "1" } };
    const patch = { displayName: "x", contact: { email: "f" }, labels: { b: "2" } };
    const populated = { displayName: "x", score: 1, contact: { email: "f", note: "n" }, labels: { b: "2" } };
    expect(update(old, patch, undefined)).toEqual(populated);
    expect(update(old, patch, [])).toEqual(populated);
    expect(update(old, patch, ["*"])).toEqual(patch);
    const nothing = functions.compile([], { emptyMask: "nothing" });
    expect(toJson(functions.update(decode(old), decode(patch), nothing))).toEqual(old);
    expect(toJson(functions.update(decode(old), decode(patch), undefined))).toEqual(populated);
  });

  test("entries of maps are set, merged and deleted, one by one or all at once", () => {
    const old = {
      addresses: { a: { city: "1", street: "s" }, b: { city: "2", street: "t" }, c: { city: "3" } },
    };
    const patch = { addresses: { a: { city: "9", street: "z" }, d: { city: "4", street: "u" } } };
    expect(update(old, patch, ["addresses.*.city"])).toEqual({
      addresses: { a: { city: "9", street: "s" }, b: { street: "t" }, c: {}, d: { city: "4" } },
    });
    expect(update(old, patch, ["addresses.b", "addresses.d.street", "addresses.nowhere"])).toEqual({
      addresses: { a: { city: "1", street: "s" }, c: { city: "3" }, d: { street: "u" } },
    });
  });

  test("a mask that was read leniently and goes into a list is refused", () => {
    const mask = functions.compile(["items.*.sku"]);
    const old = decode({ items: [{ sku: "a" }] });
    expect(() => functions.update(old, decode({}), mask)).toThrow(
      "items: an update replaces a list as a whole (AIP-161)",
    );
    expect(() => functions.merge(old, decode({}), mask)).toThrow("items: a merge takes a list as a whole");
  });

  test("a mask of another message is refused", () => {
    const mask = target.message("Card").compile(["number"]);
    const message = decode({});
    const calls: (() => unknown)[] = [
      () => functions.filter(message, mask),
      () => functions.prune(message, mask),
      () => functions.update(message, message, mask),
      () => functions.merge(message, message, mask),
      () => functions.filterBytes(new Uint8Array(), mask),
    ];
    for (const call of calls)
      expect(call).toThrow("a mask for vectors.v1.Card does not fit vectors.v1.Account");
  });

  test("merging by * is merging by the name of every field: scalars that are unset are cleared, lists and maps grow", () => {
    const mask = functions.compile(["*"]);
    const old = {
      displayName: "d",
      roles: ["a"],
      labels: { a: "1", b: "2" },
      contact: { email: "e", tags: { x: "1" } },
    };
    const source = {
      roles: ["b"],
      labels: { b: "3" },
      contact: { note: "", tags: { y: "2" } },
      card: { number: "1" },
    };
    expect(toJson(functions.merge(decode(old), decode(source), mask))).toEqual({
      roles: ["a", "b"],
      labels: { a: "1", b: "3" },
      contact: { email: "e", note: "", tags: { x: "1", y: "2" } },
      card: { number: "1" },
    });
  });

  test("a merge shares no entry of a map with its arguments, named or not", () => {
    const held = decode({ addresses: { home: { city: "h" }, work: { city: "w" } } });
    const merged = functions.merge(held, held, functions.compile(["addresses.home"]));
    expect(shared(merged, held)).toEqual([]);
  });

  test("encodes only what is masked", () => {
    const account = { displayName: "d", contact: { email: "e", note: "n" }, score: 4 };
    const bytes = functions.encodeMasked(
      decode(account),
      functions.compile(["display_name", "contact.note"]),
    );
    expect(schema.toJson("Account", bytes)).toEqual({ displayName: "d", contact: { note: "n" } });
  });
});
