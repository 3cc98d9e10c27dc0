/** Where a listener listens or a client connects: a TCP host and port, or the path of a unix socket. */
import { isIP, isIPv6 } from "node:net";

export type Address =
  | {
      readonly kind: "tcp";
      /** A name or an IP address, IPv6 without brackets. */
      readonly host: string;
      readonly port: number;
    }
  | { readonly kind: "unix"; readonly path: string };

/** The longest path that fits into a `sockaddr_un` with its closing NUL. */
const maxSocketPathBytes = 107;
const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?$/i;

/** Reads `host:port`, `[v6]:port` or `unix:/path`; undefined where it is none of them. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    const fits = Buffer.byteLength(path) <= maxSocketPathBytes;
    return path.startsWith("/") && path.length > 1 && !path.includes("\0") && fits
      ? { kind: "unix", path }
      : undefined;
  }
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  if (match?.groups === undefined) return undefined;
  const { v6, host = v6 ?? "" } = match.groups;
  const port = Number(match.groups["port"]);
  if (port > 65_535 || !(v6 === undefined ? isHost(host) : isIPv6(v6))) return undefined;
  return { kind: "tcp", host, port };
}

function isHost(host: string): boolean {
  // 127.1 or 1.2.3.256 look like addresses, and different resolvers read them differently.
  return isIP(host) !== 0 || (hostName.test(host) && !/^[\d.]+$/.test(host));
}

/** As {@link parseAddress} reads it, and as grpc-js takes it. */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
}

/** True if nobody on another machine can connect: a loopback address, `localhost`, or a unix socket. */
export function isLocal(address: Address): boolean {
  if (address.kind === "unix") return true;
  const host = address.host.toLowerCase();
  if (isIP(host) === 4) return host.startsWith("127.");
  if (isIP(host) === 6) return isLoopbackV6(host);
  return host === "localhost" || host === "localhost.";
}

function isLoopbackV6(host: string): boolean {
  // The URL parser prints each IPv6 address in one form only; it does not know zones.
  if (host.includes("%")) return false;
  const canonical = new URL(`http://[${host}]`).hostname;
  return canonical === "[::1]" || /^\[::ffff:7f[0-9a-f]{2}:/.test(canonical);
}
