/** Page tokens (AIP-158): opaque to callers, bound to the query that they continue. */
import { createHash } from "node:crypto";
import { quote } from "./names.ts";
import type { Violations } from "./violations.ts";

/** Changes with the meaning of the bytes below. */
const version = 1;
const digestBytes = 8;

/** @param query what must be the same on every page */
export function formatPageToken(key: number, query: string): string {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(version, 0);
  bytes.writeBigUInt64BE(BigInt(key), 1);
  return Buffer.concat([bytes, digest(bytes, query)]).toString("base64url");
}

/**
 * Adds a violation if it is no token of this server, or one of another query.
 *
 * @returns the key after which the page begins, or undefined for the empty token
 */
export function checkPageToken(token: string, query: string, violations: Violations): number | undefined {
  if (token === "") return undefined;
  const bytes = Buffer.from(token, "base64url");
  const head = bytes.subarray(0, 9);
  const valid =
    bytes.length === 9 + digestBytes &&
    bytes.toString("base64url") === token &&
    bytes.readUInt8(0) === version &&
    bytes.subarray(9).equals(digest(head, query));
  if (!valid) {
    violations.add(
      "page_token",
      `${quote(token)} is not the next_page_token of a page with the same filter, order_by and read_mask`,
    );
    return undefined;
  }
  return Number(head.readBigUInt64BE(1));
}

function digest(head: Buffer, query: string): Buffer {
  return createHash("sha256").update(head).update(query).digest().subarray(0, digestBytes);
}
