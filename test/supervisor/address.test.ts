import { describe, expect, it } from "vitest";

import {
  formatAddress,
  packSocketAddress,
  packUnixAddress,
  parseAddress,
} from "../../server/supervisor/src/address.ts";

describe("parseAddress", () => {
  it.each([
    ["127.0.0.1:8080", { kind: "tcp", host: "127.0.0.1", port: 8080 }],
    ["0.0.0.0:0", { kind: "tcp", host: "0.0.0.0", port: 0 }],
    ["localhost:65535", { kind: "tcp", host: "localhost", port: 65_535 }],
    ["relay.example.com:80", { kind: "tcp", host: "relay.example.com", port: 80 }],
    ["[::1]:50051", { kind: "tcp", host: "::1", port: 50_051 }],
    ["[::]:0", { kind: "tcp", host: "::", port: 0 }],
    ["unix:/run/fieldpost.sock", { kind: "unix", path: "/run/fieldpost.sock" }],
    ["unix:/a b/c:1", { kind: "unix", path: "/a b/c:1" }],
  ])("reads %s, and formatAddress writes it back", (text, address) => {
    const parsed = parseAddress(text);
    expect(parsed).toEqual(address);
    expect(formatAddress(parsed)).toBe(text);
  });

  it.each([
    ["", "is not host:port"],
    ["8080", "is not host:port"],
    ["localhost", "is not host:port"],
    ["localhost:", "is not host:port"],
    ["localhost:http", "is not host:port"],
    ["localhost:-1", "is not host:port"],
    ["::1:80", "is not host:port"],
    ["http://localhost:80", "is not host:port"],
    [":80", "has no host"],
    ["localhost:65536", "above 65535"],
    ["[127.0.0.1]:80", "no IPv6 address"],
    ["[]:80", "no IPv6 address"],
    ["[fe80::1%eth0]:80", "no IPv6 address"],
    ["unix:", "absolute path"],
    ["unix:relative.sock", "absolute path"],
    ["unix:/a\0b", "NUL"],
    [`unix:/${"x".repeat(107)}`, "more than 107 bytes"],
    [`unix:/${"é".repeat(54)}`, "more than 107 bytes"],
  ])("refuses %j and says why", (text, reason) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: "ADDRESS_INVALID" }));
    expect(() => parseAddress(text)).toThrow(JSON.stringify(text));
    expect(() => parseAddress(text)).toThrow(reason);
  });
});

describe("the kernel's form of an address", () => {
  it.each([
    ["127.0.0.1", 8080, "02001f90 7f000001 0000000000000000"],
    ["::1", 80, "0a000050 00000000 0000000000000000 0000000000000001 00000000"],
    ["::", 1, "0a000001 00000000 0000000000000000 0000000000000000 00000000"],
    ["2001:db8::7:1", 1, "0a000001 00000000 20010db800000000 0000000000070001 00000000"],
    ["1:2:3:4:5:6:7:8", 1, "0a000001 00000000 0001000200030004 0005000600070008 00000000"],
    ["fe80::", 1, "0a000001 00000000 fe80000000000000 0000000000000000 00000000"],
    ["::ffff:10.1.2.3", 1, "0a000001 00000000 0000000000000000 0000ffff0a010203 00000000"],
  ])("packs %s port %i", (ip, port, hex) => {
    expect(packSocketAddress(ip, port).toString("hex")).toBe(hex.replaceAll(" ", ""));
  });

  it("ends a path with a NUL", () => {
    expect(packUnixAddress("/é").toString("latin1")).toBe("\x01\x00/\xc3\xa9\x00");
  });
});
