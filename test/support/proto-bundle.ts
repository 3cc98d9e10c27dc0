/**
 * `npm run protos`: all protos that a client needs, in one folder that is the only -I, and as an archive whose bytes depend
 * on nothing but the protos: dist/protos/ and dist/fieldpost-protos-VERSION.tar.gz.
 * With `-- --out DIR` (from the root) it writes the folder alone, to DIR, where it replaces files and removes none.
 */
import { execFileSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where the bundle's files come from; the first folder is left out of their names. */
const sources: readonly (readonly [from: string, pattern: string])[] = [
  ["proto", "fieldpost/**/*.proto"],
  ["proto", "google/**/*.proto"],
  ["proto", "google/LICENSE"],
  ["proto", "README.md"],
  ["plugin/proto", "fieldmask/**/*.proto"],
  [".", "LICENSE"],
];

/** @returns the file in the repository of each file in the bundle, both relative */
export function protoBundleFiles(): ReadonlyMap<string, string> {
  const files = sources.flatMap(([from, pattern]) =>
    globSync(pattern, { cwd: join(root, from) }).map((name) => [name, join(from, name)] as const),
  );
  return new Map(files.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export function writeProtoBundle(folder: string): void {
  for (const [name, from] of protoBundleFiles()) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    cpSync(join(root, from), join(folder, name));
  }
}

/** What differs between two makings of the same tree, and what tar would write of this machine. Needs GNU tar. */
const reproducible = [
  "--format=ustar",
  "--sort=name",
  "--mtime=2000-01-01 00:00Z",
  ...["--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"],
];

/** @param archive `NAME.tar.gz`; all in it stands in a folder NAME */
export function writeProtoArchive(folder: string, archive: string): void {
  const name = basename(archive, ".tar.gz");
  const tar = execFileSync(
    "tar",
    [...reproducible, `--transform=s,^\\.,${name},`, "-C", folder, "-cf", "-", "."],
    // Else tar would take options from its own variable.
    { env: { ...process.env, TAR_OPTIONS: "", LC_ALL: "C" }, maxBuffer: 64 * 1024 * 1024 },
  );
  writeFileSync(archive, gzipSync(tar, { level: 9 }));
}

function main(): void {
  const { out } = parseArgs({ options: { out: { type: "string" } } }).values;
  if (out !== undefined) {
    writeProtoBundle(resolve(root, out));
    process.stdout.write(`${out}\n`);
    return;
  }
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const folder = join(root, "dist/protos");
  const archive = join(root, `dist/fieldpost-protos-${version}.tar.gz`);
  rmSync(folder, { recursive: true, force: true });
  writeProtoBundle(folder);
  writeProtoArchive(folder, archive);
  for (const made of [folder, archive]) process.stdout.write(`${relative(root, made)}\n`);
}

if (import.meta.main) main();
