/** `npm run check`: everything that can be said about the code without running it. Goes through all, then fails if any did. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The others are vendored, or test data. */
const ourProtos = ["--path", "proto/fieldpost", "--path", "plugin/proto/fieldmask"];

const commands: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["format", "prettier", "--check", "--log-level=warn", "."],
  ["format of protos", "buf", "format", "--diff", "--exit-code", ...ourProtos],
  ["lint", "oxlint", "--type-aware"],
  ["types", "tsc", "-p", "."],
  ["lint of protos", "buf", "lint"],
  // released.binpb is the image of the last release (buf build -o): what it holds must not break.
  ["breaking changes of the API", "buf", "breaking", "proto", "--against", "proto/released.binpb"],
  ["breaking changes of the option", "buf", "breaking", "plugin/proto", "--against", "plugin/released.binpb"],
  ["architecture", "vitest", "run", "test/architecture"],
];

/** Folders that hold nothing but generated files, and a file of which a part is generated. */
const generated = [
  "server/src/gen",
  "plugin/src/gen",
  "plugin/example/gen",
  "test/support/gen",
  "test/vectors/gen",
  "test/bench/fieldmask/gen",
  "server/README.md",
];

let failed = 0;

function report(name: string, ok: boolean): void {
  process.stdout.write(`${ok ? "ok    " : "FAILED"}  ${name}\n`);
  if (!ok) failed++;
}

for (const [name, command, ...args] of commands) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  report(name, status === 0);
}
report("generated code is fresh", isFresh());
process.exitCode = failed === 0 ? 0 : 1;

/** Generates again and compares with what was there. */
function isFresh(): boolean {
  const before = mkdtempSync(join(tmpdir(), "fieldpost-generated-"));
  try {
    for (const folder of generated) cpSync(join(root, folder), join(before, folder), { recursive: true });
    execFileSync("node", ["test/support/generate.ts"], { cwd: root, stdio: "inherit" });
    return generated.every((folder) => sameFolder(join(before, folder), join(root, folder)));
  } finally {
    rmSync(before, { recursive: true, force: true });
  }
}

function sameFolder(before: string, after: string): boolean {
  const list = (folder: string): string[] => {
    if (statSync(folder).isFile()) return [""];
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
      .toSorted();
  };
  const files = new Set([...list(before), ...list(after)]);
  const stale = [...files].filter(
    (file) => !readOrNothing(before + file).equals(readOrNothing(after + file)),
  );
  for (const file of stale) process.stdout.write(`stale: ${after.slice(root.length)}${file}\n`);
  return stale.length === 0;
}

function readOrNothing(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.from("no such file");
  }
}
