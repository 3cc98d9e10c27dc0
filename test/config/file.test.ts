import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { maxFileBytes, readConfigText, sameText } from "../../server/src/config/file.ts";

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fieldpost-test-"));
  path = join(dir, "f.yaml");
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
});

async function problemOf(file = path): Promise<string> {
  const found = await readConfigText(file);
  return found.kind === "text" ? "" : `${found.kind} ${found.problem}`;
}

describe("the file", () => {
  it("is read as UTF-8, without a byte order mark", async () => {
    writeFileSync(path, "\uFEFFstore: é.db\n");
    expect(await readConfigText(path)).toEqual({ kind: "text", text: "store: é.db\n" });
  });
  it("may be as large as the limit, and not larger", async () => {
    writeFileSync(path, "#".repeat(maxFileBytes));
    expect(await readConfigText(path)).toMatchObject({ kind: "text" });
    writeFileSync(path, "#".repeat(maxFileBytes + 1));
    expect(await problemOf()).toBe(`unusable ${path}: is larger than 65,536 bytes`);
  });
  it("without an end is not read to it", async () => {
    expect(await problemOf("/dev/zero")).toBe("unusable /dev/zero: is not a regular file");
  });
  it("that is missing is told apart from one that cannot be read", async () => {
    expect(await problemOf()).toBe(`missing ${path}: there is no such file`);
    symlinkSync("nowhere", path);
    expect(await problemOf()).toBe(`missing ${path}: there is no such file`);
    writeFileSync(join(dir, "file"), "");
    expect(await problemOf(join(dir, "file/f.yaml"))).toContain("missing");
    symlinkSync("loop", join(dir, "loop"));
    expect(await problemOf(join(dir, "loop"))).toContain("unusable");
  });
  it("that is a directory is refused", async () => {
    mkdirSync(path);
    expect(await problemOf()).toBe(`unusable ${path}: is a directory, not a file`);
  });
  it("that is a named pipe is refused at once, though nobody writes to it", async () => {
    execFileSync("mkfifo", [path]);
    expect(await problemOf()).toBe(`unusable ${path}: is not a regular file`);
  });
  it("that may not be read is refused", async () => {
    writeFileSync(path, "");
    chmodSync(path, 0);
    // Root may read everything; nobody may not.
    if (process.geteuid?.() === 0) {
      process.seteuid?.(65_534);
      onTestFinished(() => process.seteuid?.(0));
    }
    expect(await problemOf()).toBe(`unusable ${path}: cannot be read: permission denied`);
  });
  it.each([
    ["Latin-1", Buffer.from("workers: 2\nstore: é\n", "latin1"), "2:8"],
    ["UTF-16", Buffer.from("\uFEFFworkers: 2\n", "utf16le"), "1:1"],
    ["a cut character", Buffer.from("# é\n").subarray(0, 3), "1:3"],
    [
      "a replacement character and then none",
      Buffer.concat([Buffer.from("# \uFFFD\n# "), Buffer.from([0xff])]),
      "2:3",
    ],
  ])("that is %s is refused with the place of the first wrong byte", async (_, bytes, place) => {
    writeFileSync(path, bytes);
    expect(await problemOf()).toBe(`unusable ${path}:${place}: is not UTF-8`);
  });
});

it("two texts are the same if their words are", () => {
  const text = { kind: "text", text: "a" } as const;
  const missing = { kind: "missing", problem: "a" } as const;
  expect(sameText(text, { ...text })).toBe(true);
  expect(sameText(text, { kind: "text", text: "b" })).toBe(false);
  expect(sameText(missing, { ...missing })).toBe(true);
  expect(sameText(text, missing) || sameText(missing, text)).toBe(false);
});
