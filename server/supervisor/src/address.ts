import net from "node:net";

import { SupervisorError } from "./errors.ts";

/** Where a listener is asked to listen. `host` may still be a name. */
export type ListenAddress = { kind: "tcp"; host: string; port: number } | { kind: "unix"; path: string };

// sun_path is 108 bytes with the NUL that ends it.
const MAX_UNIX_PATH_BYTES = 107;

/** Reads `host:port`, `[v6]:port` or `unix:/path`; throws ADDRESS_INVALID with the text that was given. */
export function parseAddress(text: string): ListenAddress {
  if (text.startsWith("unix:")) return parseUnix(text);
  const match = /^(?:\[(?<v6>[^\]]*)\]|(?<host>[^:[\]]*)):(?<port>\d{1,5})$/.exec(text);
  if (!match?.groups) throw invalid(text, "is not host:port, [v6]:port or unix:/path");
  const { v6, host } = match.groups;
  const port = Number(match.groups["port"]);
  if (port > 65_535) throw invalid(text, "has a port above 65535");
  if (v6 !== undefined) {
    // A zone would need the interface's index; nobody has asked for link-local listeners.
    if (!net.isIPv6(v6) || v6.includes("%")) throw invalid(text, "has no IPv6 address in its brackets");
    return { kind: "tcp", host: v6, port };
  }
  if (!host) throw invalid(text, "has no host; write 0.0.0.0 or [::] for every address");
  return { kind: "tcp", host, port };
}

function parseUnix(text: string): ListenAddress {
  const path = text.slice("unix:".length);
  if (!path.startsWith("/")) throw invalid(text, "needs an absolute path after unix:");
  if (path.includes("\0")) throw invalid(text, "has a NUL in its path");
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) {
    throw invalid(text, `has a path of more than ${MAX_UNIX_PATH_BYTES} bytes`);
  }
  return { kind: "unix", path };
}

function invalid(text: string, reason: string): SupervisorError {
  return new SupervisorError("ADDRESS_INVALID", `address ${JSON.stringify(text)} ${reason}`);
}

/** The inverse of `parseAddress`. */
export function formatAddress(address: ListenAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const host = net.isIPv6(address.host) ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** A `sockaddr_in` or `sockaddr_in6` for an IP address (not a name). */
export function packSocketAddress(ip: string, port: number): Buffer {
  if (net.isIPv4(ip)) {
    const packed = Buffer.alloc(16);
    packed.writeUInt16LE(2, 0); // sa_family is in host order; every platform with a Node build here is little-endian
    packed.writeUInt16BE(port, 2);
    packed.set(ipv4Bytes(ip), 4);
    return packed;
  }
  const packed = Buffer.alloc(28);
  packed.writeUInt16LE(10, 0);
  packed.writeUInt16BE(port, 2);
  packed.set(ipv6Bytes(ip), 8);
  return packed;
}

/** A `sockaddr_un` for a path in the file system. */
export function packUnixAddress(path: string): Buffer {
  const packed = Buffer.alloc(2 + Buffer.byteLength(path) + 1);
  packed.writeUInt16LE(1, 0);
  packed.write(path, 2);
  return packed;
}

function ipv4Bytes(ip: string): number[] {
  return ip.split(".").map(Number);
}

function ipv6Bytes(ip: string): number[] {
  const [head = "", tail] = ip.split("::");
  const first = groups(head);
  if (tail === undefined) return first;
  const last = groups(tail);
  return [...first, ...Array.from<number>({ length: 16 - first.length - last.length }).fill(0), ...last];
}

function groups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return ipv4Bytes(group);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
