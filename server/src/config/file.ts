/** Reads the configuration file's text. What it means is parse-file.ts's to say. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isUtf8 } from "node:buffer";

/** What stands in the file, or why that cannot be said. `problem` begins with the path. */
export type ConfigText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "missing" | "unusable"; readonly problem: string };

/** More is no configuration, and would keep the parser busy for seconds. */
export const maxFileBytes = 64 * 1024;

/** Never rejects: whatever is the matter with the file is an answer. */
export async function readConfigText(path: string): Promise<ConfigText> {
  try {
    // Without O_NONBLOCK a named pipe would keep the thread until somebody writes to it.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (stat.isDirectory()) return unusable(path, "is a directory, not a file");
    if (!stat.isFile()) return unusable(path, "is not a regular file");
    const bytes = Buffer.allocUnsafe(maxFileBytes + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > maxFileBytes) {
      return unusable(path, `is larger than ${maxFileBytes.toLocaleString("en-US")} bytes`);
    }
    return decode(path, bytes.subarray(0, length));
  } catch (error) {
    return failure(path, error);
  }
}

export function sameText(a: ConfigText, b: ConfigText): boolean {
  return a.kind === "text" && b.kind === "text"
    ? a.text === b.text
    : a.kind !== "text" && b.kind !== "text" && a.problem === b.problem;
}

function decode(path: string, bytes: Buffer): ConfigText {
  const text = bytes.toString("utf8");
  if (isUtf8(bytes)) return { kind: "text", text: text.replace(/^\uFEFF/, "") };
  // Where the bytes are no character, the text has U+FFFD, which is written with other bytes.
  const again = Buffer.from(text);
  const at = bytes.findIndex((byte, index) => byte !== again[index]);
  const before = bytes.toString("utf8", 0, at).split("\n");
  return unusable(`${path}:${before.length}:${before.at(-1)!.length + 1}`, "is not UTF-8");
}

function unusable(place: string, what: string): ConfigText {
  return { kind: "unusable", problem: `${place}: ${what}` };
}

function failure(path: string, error: unknown): ConfigText {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // ENOTDIR: a folder on the way there gave way to a file.
  if (code === "ENOENT" || code === "ENOTDIR") {
    return { kind: "missing", problem: `${path}: there is no such file` };
  }
  const reason =
    code === "EACCES" ? "permission denied" : error instanceof Error ? error.message : String(error);
  return unusable(path, `cannot be read: ${reason}`);
}
