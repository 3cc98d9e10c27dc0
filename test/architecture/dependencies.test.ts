/** Each package says in its package.json what it imports, and nothing else: npm installs what stands there. */
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { packageOf, readImports } from "../support/imports.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;

const main = manifestOf(".");
const packages = main.workspaces!.map((folder) => ({ folder, manifest: manifestOf(folder) }));

/** The packages that the sources of one import, those of generated code and of types too. */
function importedBy(folder: string): string[] {
  const sources = join(root, folder, "src");
  const found = readdirSync(sources, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => readImports(readFileSync(join(sources, file), "utf8")))
    .flatMap(({ specifier }) => (isBuiltin(specifier) ? [] : (packageOf(specifier) ?? [])));
  return [...new Set(found)].toSorted();
}

describe.each(packages)("$folder", ({ folder, manifest }) => {
  test("declares every package that it imports, and imports every one that it declares", () => {
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    expect(importedBy(folder)).toEqual(declared.toSorted());
  });

  test("asks for exactly the version of a package of ours that lies beside it", () => {
    const ours = packages.filter(({ manifest: { name } }) => manifest.dependencies?.[name] !== undefined);
    expect(ours.map(({ manifest: { name } }) => [name, manifest.dependencies?.[name]])).toEqual(
      ours.map(({ manifest: { name, version } }) => [name, version]),
    );
  });

  test("has the version of all", () => {
    expect(manifest.version).toBe(main.version);
  });
});

test("the relay brings the Node that the checkout is tried with", () => {
  expect(manifestOf("server").optionalDependencies).toEqual(main.optionalDependencies);
});
