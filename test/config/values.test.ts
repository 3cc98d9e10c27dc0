import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatAddress, isLocal, parseAddress } from "../../server/src/config/address.ts";
import * as type from "../../server/src/config/values.ts";

describe("durations", () => {
  const duration = type.duration("0s", "365d");
  it.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["2d", 172_800_000],
    ["1.5s", 1500],
    ["0.1s", 100],
    ["1m30s", 90_000],
    ["0s", 0],
  ])("reads %s", (text, ms) => expect(duration.parse(text)).toBe(ms));
  it.each(["30", "", "s", "-1s", "1 s", "1S", "1e3s", "0.1ms", "1s ", "1w", "NaNs", "366d", "1..5s"])(
    "refuses %j",
    (text) => expect(duration.parse(text)).toBeUndefined(),
  );
});

describe("sizes", () => {
  const bytes = type.bytes("0B", "1GiB");
  it.each([
    ["0", 0],
    ["65536", 65_536],
    ["12B", 12],
    ["64KiB", 65_536],
    ["1MiB", 1_048_576],
    ["1.5MiB", 1_572_864],
    ["1GiB", 1_073_741_824],
  ])("reads %s", (text, size) => expect(bytes.parse(text)).toBe(size));
  it.each(["", "KiB", "1kB", "1MB", "1mib", "-1", "0.3B", "2GiB", "1e3", "0x10", "1,000"])(
    "refuses %j",
    (text) => expect(bytes.parse(text)).toBeUndefined(),
  );
});

describe("addresses", () => {
  it.each([
    ["127.0.0.1:50051", { kind: "tcp", host: "127.0.0.1", port: 50_051 }],
    ["localhost:0", { kind: "tcp", host: "localhost", port: 0 }],
    ["[::1]:8080", { kind: "tcp", host: "::1", port: 8080 }],
    ["relay.example.com:443", { kind: "tcp", host: "relay.example.com", port: 443 }],
    ["unix:/run/fieldpost.sock", { kind: "unix", path: "/run/fieldpost.sock" }],
  ])("reads and writes %s", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(formatAddress(parseAddress(text)!)).toBe(text);
  });
  it.each(
    [
      [
        "",
        "127.0.0.1",
        ":8080",
        "localhost:",
        "localhost:65536",
        "localhost:-1",
        "localhost:http",
        "::1:80",
        "[::1]",
      ],
      [
        "[1.2.3.4]:80",
        "1.2.3:80",
        "1.2.3.256:80",
        "a b:80",
        "unix:",
        "unix:relative",
        "unix:/",
        "http://localhost:80",
      ],
      [`unix:/${"x".repeat(107)}`, "-a:80", "a..b:80", "*:80", "unix:/a\0b"],
    ].flat(),
  )("refuses %j", (text) => expect(parseAddress(text)).toBeUndefined());

  it.each([
    "127.0.0.1:1",
    "127.9.9.9:1",
    "[::1]:1",
    "[0:0::1]:1",
    "[::ffff:127.0.0.1]:1",
    "LOCALHOST:1",
    "unix:/a",
  ])("knows that %s is reached from this machine only", (text) =>
    expect(isLocal(parseAddress(text)!)).toBe(true),
  );
  it.each([
    "0.0.0.0:1",
    "[::]:1",
    "192.168.1.1:1",
    "localhost.example.com:1",
    "[::ffff:10.0.0.1]:1",
    "[::ffff:7.240.0.1]:1",
    "[fe80::1%lo]:1",
  ])("knows that %s may be reached from others", (text) => expect(isLocal(parseAddress(text)!)).toBe(false));
});

describe("what a type writes", () => {
  const { duration, bytes } = { duration: type.duration("0s", "365d"), bytes: type.bytes("0B", "64GiB") };
  it.each([
    [duration, "90000ms", "1m30s"],
    [duration, "25h", "1d1h"],
    [duration, "500ms", "500ms"],
    [duration, "0s", "0s"],
    [bytes, "1024KiB", "1MiB"],
    [bytes, "1.5KiB", "1536B"],
    [bytes, "0", "0B"],
    [type.boolean, "true", "true"],
    [type.factor(1, 100), "2.50", "2.5"],
    [type.address, "[::1]:80", "[::1]:80"],
    [type.countOrAuto(1, 9), "auto", "auto"],
  ] as [type.ValueType<unknown>, string, string][])("is what a person would write", (one, text, written) =>
    expect(one.format(one.parse(text))).toBe(written),
  );
  it("is read as the same value", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 31_536_000_000 }), (value) => {
        expect(duration.parse(duration.format(value))).toBe(value);
        expect(bytes.parse(bytes.format(value))).toBe(value);
      }),
    );
  });
});

describe("other types", () => {
  it("reads counts as decimal digits only", () => {
    const count = type.count(1, 1000);
    expect(count.parse("17")).toBe(17);
    for (const text of ["0", "1001", "1.0", "1e2", " 1", "0x1", "", "-1"])
      expect(count.parse(text)).toBeUndefined();
  });
  it("takes a path for the store, and no URL", () => {
    expect(type.storePath.parse("./a:b.db")).toBe("./a:b.db");
    for (const text of ["postgres://h/d", "file:x.db", ":memory:", "", "a\0"]) {
      expect(type.storePath.parse(text)).toBeUndefined();
    }
  });
});
