// filterBytes, on messages as encoders write them, and as they do not but decoders must understand them.

import { compileMask, defineMask, filterBytes } from "@fieldpost/fieldmask";
import { defineMessage, mapOf } from "@fieldpost/fieldmask/codegen";
import { describe, expect, test } from "vitest";
import { fixed32, fixed64, fromHex, group, int, join, sized, varint } from "./wire-bytes.ts";
import { filter, partSchema, shape, wholeSchema } from "./wire-schema.ts";

const keepUnknown = { unknownFields: "keep" } as const;
const nothing = new Uint8Array(0);

describe("records", () => {
  test("are kept as they stand, in their order", () => {
    const bytes = join(int(2, -1), sized(1, "a"), sized(7, "w"), fixed32(14, 7), sized(1, ""), int(2, 0));
    expect(filter(["name"], bytes)).toEqual(join(sized(1, "a"), sized(1, "")));
    expect(filter(["count", "weight"], bytes)).toEqual(join(int(2, -1), fixed32(14, 7), int(2, 0)));
  });

  test("of the largest field number are found", () => {
    const bytes = join(sized(1, "a"), sized(536_870_911, "z"));
    expect(filter(["last"], bytes)).toEqual(fromHex("faffffff0f017a"));
    expect(filter(["name"], bytes)).toEqual(sized(1, "a"));
  });

  test("with padded tags and lengths are understood", () => {
    const text = join(varint(10, 5), varint(1, 10), "a");
    expect(filter(["name"], text)).toEqual(text);
    expect(filter(["part.text"], join(varint(26, 3), varint(text.length, 4), text))).toEqual(sized(3, text));
  });

  test("of messages that the mask goes into get the length of what is left", () => {
    const bytes = sized(3, sized(1, "t"), sized(5, sized(1, "x".repeat(200)), int(2, 5)));
    expect(filter(["part.part.number"], bytes)).toEqual(sized(3, sized(5, int(2, 5))));
    expect(filter(["part.part.text"], bytes)).toEqual(sized(3, sized(5, sized(1, "x".repeat(200)))));
    expect(filter(["part.number"], bytes)).toEqual(sized(3));
  });

  test("that stand side by side in old and new bytes keep their limits", () => {
    const bytes = join(sized(4, int(2, 1), sized(1, "a")), sized(1, "b"), sized(4, sized(1, "c")));
    expect(filter(["parts.text", "name"], bytes)).toEqual(
      join(sized(4, sized(1, "a")), sized(1, "b"), sized(4, sized(1, "c"))),
    );
    expect(filter(["parts.text", "code"], join(sized(11, "c"), sized(4)))).toEqual(
      join(sized(4), sized(11, "c")),
    );
  });

  test("of lists keep number and order, packed or not", () => {
    const numbers = join(int(5, 1), sized(5, varint(2), varint(3)), int(5, 4));
    const doubles = join(sized(6, "12345678"), fixed64(6, 9n));
    const words = join(sized(7, "a"), sized(7, ""));
    const bytes = join(numbers, sized(1, "-"), doubles, int(2, 7), words);
    expect(filter(["numbers"], bytes)).toEqual(numbers);
    expect(filter(["doubles"], bytes)).toEqual(doubles);
    expect(filter(["words"], bytes)).toEqual(words);
    const parts = join(sized(4, sized(1, "a"), int(2, 1)), sized(4, int(2, 2)), sized(4));
    expect(filter(["parts.*.text"], parts)).toEqual(join(sized(4, sized(1, "a")), sized(4), sized(4)));
  });
});

describe("of a oneof", () => {
  const [block, code, id] = [sized(10, sized(1, "b")), sized(11, "c"), int(12, 7)];

  test("the last member counts, even if the mask does not select it", () => {
    expect(filter(["code"], join(code, id))).toEqual(nothing);
    expect(filter(["code", "name"], join(code, sized(1, "n"), id))).toEqual(sized(1, "n"));
    expect(filter(["code", "id"], join(code, id))).toEqual(id);
    expect(filter(["code", "id"], join(id, code))).toEqual(code);
    expect(filter(["block.text"], join(block, id))).toEqual(nothing);
    expect(filter(["block.text"], join(id, block))).toEqual(block);
  });

  test("a message that stands again after another member is a new one", () => {
    const again = sized(10, int(2, 5));
    expect(filter(["block.text"], join(block, code, again))).toEqual(sized(10));
    expect(filter(["block"], join(block, code, again))).toEqual(again);
    expect(filter(["block", "code"], join(block, code, again))).toEqual(again);
    expect(filter(["block.number", "code"], join(block, code, again))).toEqual(again);
  });

  test("a message that stands twice without another between is one", () => {
    const again = sized(10, sized(1, "z"), int(2, 5));
    expect(filter(["block.text"], join(block, again))).toEqual(sized(10, sized(1, "b"), sized(1, "z")));
    expect(filter(["block"], join(code, block, sized(1, "n"), again))).toEqual(join(block, again));
  });

  test("a record of a wrong wire type is no member", () => {
    expect(filter(["code"], join(code, sized(12, "7"), int(10, 1), fixed32(11, 1)))).toEqual(code);
    expect(filter(["block.text"], join(block, int(11, 1), block))).toEqual(
      sized(10, sized(1, "b"), sized(1, "b")),
    );
  });
});

describe("pieces of a singular message", () => {
  test("are one message", () => {
    const bytes = join(sized(3, sized(1, "a")), sized(1, "n"), sized(3), sized(3, int(2, 5), sized(1, "b")));
    expect(filter(["part.text"], bytes)).toEqual(sized(3, sized(1, "a"), sized(1, "b")));
    expect(filter(["part"], bytes)).toEqual(
      join(sized(3, sized(1, "a")), sized(3), sized(3, int(2, 5), sized(1, "b"))),
    );
  });

  test("override members of a oneof in each other", () => {
    const bytes = join(sized(3, sized(3, "l")), sized(3, sized(4, "r")));
    expect(filter(["part.left"], bytes)).toEqual(sized(3));
    expect(filter(["part.right"], bytes)).toEqual(sized(3, sized(4, "r")));
  });

  test("are put together at every depth", () => {
    const inner = (text: string): Uint8Array => sized(5, sized(1, text), sized(3, text));
    const bytes = join(sized(3, inner("a"), inner("b")), sized(3, inner("c"), sized(5, sized(4, "r"))));
    expect(filter(["part.part.text", "part.part.left"], bytes)).toEqual(
      sized(3, sized(5, sized(1, "a"), sized(1, "b"), sized(1, "c"))),
    );
  });

  test("are kept as they stand where all is selected, of google.protobuf.Struct too", () => {
    const bytes = join(sized(13, "\x0a\x00"), sized(1, "n"), sized(13, ""));
    expect(filter(["settings"], bytes)).toEqual(join(sized(13, "\x0a\x00"), sized(13, "")));
  });
});

describe("of a map", () => {
  const entry = (...payload: Uint8Array[]): Uint8Array => sized(8, ...payload);

  test("the entries with the keys of the mask are kept, in their order and as they stand", () => {
    const a1 = entry(sized(1, "a"), sized(2, "1"));
    const a2 = entry(sized(2, "2"), int(7, 1), sized(1, "a"));
    const b = entry(sized(1, "b"), sized(2, "3"));
    expect(filter(["labels.a"], join(a1, b, a2))).toEqual(join(a1, a2));
    expect(filter(["labels.b"], join(a1, b, a2))).toEqual(b);
    expect(filter(["labels.c"], join(a1, b, a2))).toEqual(nothing);
    expect(filter(["labels"], join(a1, b, a2))).toEqual(join(a1, b, a2));
    expect(filter(["labels.*"], join(a1, b, a2))).toEqual(join(a1, b, a2));
  });

  test("an entry without a key has the default one, and with several the last", () => {
    const none = entry(sized(2, "v"));
    const two = entry(sized(1, "a"), sized(2, "v"), sized(1, "b"));
    expect(filter(["labels.``"], join(none, two, entry()))).toEqual(join(none, entry()));
    expect(filter(["labels.a"], two)).toEqual(nothing);
    expect(filter(["labels.b"], two)).toEqual(two);
  });

  test("a key of a wrong wire type is none", () => {
    const odd = entry(sized(1, "a"), int(1, 98), fixed32(1, 98));
    expect(filter(["labels.a"], odd)).toEqual(odd);
    expect(filter(["labels.``"], entry(int(1, 97)))).toEqual(entry(int(1, 97)));
  });

  test("keys are compared as texts, whatever they are made of", () => {
    for (const key of [
      "__proto__",
      "constructor",
      "a.b",
      "é",
      "\ufeffmark",
      "😀".repeat(20),
      "k".repeat(300),
    ]) {
      const bytes = entry(sized(1, key), sized(2, "v"));
      expect(filter([`labels.\`${key}\``], bytes)).toEqual(bytes);
      expect(filter(["labels.mark"], bytes)).toEqual(nothing);
    }
  });

  test("values are filtered, put together from their pieces, and left unset where they are", () => {
    const value = (...payload: Uint8Array[]): Uint8Array => sized(2, ...payload);
    const split = sized(9, value(sized(3, "l"), int(2, 5)), sized(1, "a"), value(sized(4, "r"), int(2, 6)));
    expect(filter(["by_name.a.number"], split)).toEqual(sized(9, sized(1, "a"), value(int(2, 5), int(2, 6))));
    expect(filter(["by_name.a.left"], split)).toEqual(sized(9, sized(1, "a"), value()));
    expect(filter(["by_name.*.right"], split)).toEqual(sized(9, sized(1, "a"), value(sized(4, "r"))));
    expect(filter(["by_name.a"], split)).toEqual(split);
    expect(filter(["by_name.b.number"], split)).toEqual(nothing);
    expect(filter(["by_name.a.text"], sized(9, sized(1, "a"), int(2, 5)))).toEqual(sized(9, sized(1, "a")));
    expect(filter(["by_name.*.text"], sized(9))).toEqual(sized(9));
  });

  test("what is selected of one entry adds to what is selected of all, at every depth", () => {
    const value = [sized(1, "t"), int(2, 5), sized(3, "l")];
    const bytes = join(
      sized(9, sized(1, "a"), sized(2, ...value, sized(6, sized(1, "k"), sized(2, ...value)))),
      sized(9, sized(1, "b"), sized(2, ...value, sized(6, sized(1, "k"), sized(2, ...value)))),
    );
    const paths = [
      "by_name.*.number",
      "by_name.a.text",
      "by_name.*.by_name.k.left",
      "by_name.a.by_name.*.text",
    ];
    expect(filter(paths, bytes)).toEqual(
      join(
        sized(
          9,
          sized(1, "a"),
          sized(2, sized(1, "t"), int(2, 5), sized(6, sized(1, "k"), sized(2, sized(1, "t"), sized(3, "l")))),
        ),
        sized(9, sized(1, "b"), sized(2, int(2, 5), sized(6, sized(1, "k"), sized(2, sized(3, "l"))))),
      ),
    );
    expect(filter(["by_name.a", "by_name.*.number"], bytes)).toEqual(
      join(bytes.subarray(0, bytes.length / 2), sized(9, sized(1, "b"), sized(2, int(2, 5)))),
    );
  });

  const longs = { plus: 2n ** 53n + 1n, minus: -(2n ** 63n) };
  test.each([
    ["int32", "0", nothing],
    ["int32", "-1", int(1, -1)],
    ["int32", "-1", int(1, 0xffff_ffff)],
    ["int32", "5", int(1, 2n ** 32n + 5n)],
    ["uint32", "4294967295", int(1, 0xffff_ffff)],
    ["uint32", "4294967295", int(1, -1)],
    ["sint32", "-2147483648", int(1, 0xffff_ffff)],
    ["sint32", "1", int(1, 2)],
    ["sint32", "-1", int(1, 2n ** 32n + 1n)],
    ["fixed32", "4294967295", fixed32(1, -1)],
    ["sfixed32", "-1", fixed32(1, -1)],
    ["int64", "-9223372036854775808", int(1, longs.minus)],
    ["int64", "9007199254740993", int(1, longs.plus)],
    ["int64", "3", fromHex("0883808080808080808002")],
    ["uint64", "18446744073709551615", int(1, -1)],
    ["uint64", "0", nothing],
    ["sint64", "-9223372036854775808", int(1, -1)],
    ["sint64", "1", int(1, 2)],
    ["fixed64", "18446744073709551615", fixed64(1, -1n)],
    ["sfixed64", "-9223372036854775808", fixed64(1, longs.minus)],
    ["int32", "0", fixed32(1, 5)],
    ["fixed64", "0", int(1, 5)],
  ] as const)("a key of type %s that is %s is found", (type, text, key) => {
    const schema = defineMessage("wire.Keys", shape, () => [["map", 1, mapOf(type, partSchema)]]);
    const bytes = sized(1, key, sized(2, sized(1, "t"), int(2, 5)));
    expect(filter([`map.${text}`], bytes, {}, schema)).toEqual(bytes);
    expect(filter([`map.${text}.number`], bytes, keepUnknown, schema)).toEqual(
      sized(1, key, sized(2, int(2, 5))),
    );
    expect(filter(["map.7"], bytes, {}, schema)).toEqual(nothing);
  });

  test("bool keys cannot be named, but all entries can be filtered", () => {
    const schema = defineMessage("wire.Switches", shape, () => [["map", 1, mapOf("bool", partSchema)]]);
    const bytes = join(sized(1, int(1, 1), sized(2, int(2, 5))), sized(1, sized(2, sized(1, "t"))));
    expect(filter(["map.true"], bytes, {}, schema)).toEqual(nothing);
    expect(filter(["map.*.number"], bytes, {}, schema)).toEqual(
      join(sized(1, int(1, 1), sized(2, int(2, 5))), sized(1, sized(2))),
    );
  });
});

describe("unknown fields", () => {
  const unknown = join(
    int(100, 1),
    fixed64(101, 2n),
    sized(102, "x"),
    group(103, int(1, 1), group(104)),
    fixed32(105, 3),
  );
  const wrong = join(
    sized(2, "x"),
    int(1, 1),
    int(3, 1),
    fixed32(5, 1),
    group(4, int(1, 1)),
    fixed64(14, 1n),
  );

  test("are dropped, those of a wrong wire type too", () => {
    const bytes = join(unknown, sized(1, "a"), wrong, sized(3, unknown, sized(1, "t"), sized(2, "x")));
    expect(filter(["name", "count", "part.text", "parts", "numbers", "weight"], bytes)).toEqual(
      join(sized(1, "a"), sized(3, sized(1, "t"))),
    );
  });

  test("are kept on request, as they stand", () => {
    const bytes = join(
      unknown,
      sized(1, "a"),
      wrong,
      sized(7, "w"),
      sized(3, unknown, sized(1, "t"), sized(2, "x")),
    );
    expect(filter(["name", "part.number"], bytes, keepUnknown)).toEqual(
      join(unknown, sized(1, "a"), wrong, sized(3, unknown, sized(2, "x"))),
    );
    expect(filter(["by_name.*.text"], sized(9, unknown, sized(2, unknown)), keepUnknown)).toEqual(
      sized(9, unknown, sized(2, unknown)),
    );
    expect(filter(["by_name.*.text"], sized(9, unknown, sized(2, unknown)))).toEqual(sized(9, sized(2)));
  });

  test("of what is selected whole are kept in any case", () => {
    const bytes = join(sized(3, unknown), sized(4, unknown), sized(9, unknown));
    expect(filter(["part", "parts", "by_name.``"], bytes)).toEqual(bytes);
  });
});

describe("a mask", () => {
  const bytes = join(sized(1, "a"), int(100, 1), sized(11, "c"), int(12, 1));

  test("that selects everything gives a copy", () => {
    for (const input of [bytes, Buffer.from(bytes)]) {
      const copy = filter(["*"], input);
      expect(copy).toEqual(bytes);
      expect(copy.constructor).toBe(Uint8Array);
      input[2] = 0;
      expect(copy[2]).toBe(0x61);
      input[2] = 0x61;
    }
  });

  test("that selects nothing gives an empty message, whatever happens to unknown fields", () => {
    expect(filter(["nope"], bytes, keepUnknown)).toEqual(nothing);
  });

  test("gives an array of its own that is as long as the message", () => {
    const result = filter(["name"], Buffer.from(bytes));
    expect(result).toEqual(sized(1, "a"));
    expect(result.constructor).toBe(Uint8Array);
    expect(result.buffer.byteLength).toBe(3);
    expect(filter(["name"], nothing)).toEqual(nothing);
  });

  test("is applied to a part of a larger array", () => {
    const larger = join("\xff", bytes, "\xff");
    const fixed = defineMessage("wire.Fixed", shape, () => [["map", 1, mapOf("fixed32", "string")]]);
    expect(filter(["name"], larger.subarray(2, -2))).toEqual(sized(1, "a"));
    const entry = sized(1, fixed32(1, 6));
    expect(filter(["map.6"], join("\x00", entry).subarray(1), {}, fixed)).toEqual(entry);
  });

  test("of another message type is refused", () => {
    const mask = compileMask(defineMask<string>(partSchema, { profile: "read" }), ["text"]);
    expect(() => filterBytes(wholeSchema, bytes, mask)).toThrow(
      new TypeError("a mask for wire.Part does not fit wire.Whole"),
    );
  });
});
