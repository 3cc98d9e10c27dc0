/** What each tarball holds: the files by a rule, and that nothing in them leads to a file that is not there. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { describe, expect, test } from "vitest";
import { readImports } from "../support/imports.ts";
import { repository } from "../support/relay.ts";
import { staleFile } from "./pack.ts";
import type { PackedPackage } from "./pack.ts";

/** Only a checkout has what this condition leads to, and only a checkout sets it. */
const sourceCondition = "@fieldpost/source";

/** What is no compiled source. */
const others: Readonly<Record<string, readonly string[]>> = {
  "@fieldpost/fieldmask": [],
  "@fieldpost/protoc-gen-fieldmask": ["bin/protoc-gen-fieldmask", "proto/fieldmask/option.proto"],
  "@fieldpost/supervisor": [],
  "@fieldpost/server": ["bin/fieldpost", "dist/gen/descriptors.binpb", "systemd/fieldpost.service"],
};

/** The rule: what npm always packs, the others, and of each source its code and its types. */
function expectedFiles({ name, folder }: PackedPackage): string[] {
  const sources = readdirSync(join(repository, folder, "src"), { recursive: true, encoding: "utf8" });
  const compiled = sources
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `dist/${file.slice(0, -".ts".length)}`)
    .flatMap((file) => [`${file}.js`, `${file}.d.ts`]);
  return ["package.json", "README.md", "LICENSE", ...others[name]!, ...compiled].toSorted();
}

/** What no tarball may hold, whatever is in src/. */
const never: readonly RegExp[] = [
  /(^|\/)(src|test|tests|node_modules)\//,
  /(?<!\.d)\.tsx?$/,
  /\.(test|spec)\./,
  /\.(map|tsbuildinfo|tgz)$/,
  /\/(package\.json|LICENSE|README\.md)$/,
];

/** Relative imports that lead to no file of the package. A declaration names sources, whose declarations stand beside it. */
function deadImports(files: ReadonlyMap<string, Buffer>): string[] {
  return [...files].flatMap(([file, content]) => {
    if (!/\.(js|ts)$/.test(file)) return [];
    const isDeclaration = file.endsWith(".d.ts");
    return readImports(content.toString())
      .map(({ specifier }) => specifier)
      .filter((specifier) => specifier.startsWith("."))
      .filter((specifier) => {
        const path = posix.join(posix.dirname(file), specifier);
        return !files.has(isDeclaration ? path.replace(/\.ts$/, ".d.ts") : path);
      })
      .map((specifier) => `${file} → ${specifier}`);
  });
}

export function describeContents(packages: readonly PackedPackage[]): void {
  test("four packages are packed", () => {
    expect(packages.map(({ name }) => name).toSorted()).toEqual(Object.keys(others).toSorted());
  });

  describe.each(packages)("the tarball of $name", (packed) => {
    const { files, manifest, folder } = packed;

    test("holds exactly the compiled files, types, README and licence", () => {
      expect([...files.keys()].toSorted()).toEqual(expectedFiles(packed));
      expect([...files.keys()].filter((file) => never.some((pattern) => pattern.test(file)))).toEqual([]);
      expect(files.has(staleFile)).toBe(false);
    });

    test("holds the licence and the README as they stand", () => {
      expect(manifest.license).toBe("MIT");
      expect(files.get("LICENSE")).toEqual(readFileSync(join(repository, "LICENSE")));
      expect(files.get("README.md")).toEqual(readFileSync(join(repository, folder, "README.md")));
    });

    test("has no import, source map or export that leads nowhere", () => {
      expect(deadImports(files)).toEqual([]);
      expect([...files].filter(([, content]) => content.includes("sourceMappingURL"))).toEqual([]);
      const targets = Object.values(manifest.exports ?? {}).flatMap((conditions) =>
        Object.entries(conditions).filter(([condition]) => condition !== sourceCondition),
      );
      expect(targets.filter(([, target]) => !files.has(posix.normalize(target)))).toEqual([]);
    });

    test("runs nothing when it is installed", () => {
      expect(Object.keys(manifest.scripts ?? {}).toSorted()).toEqual(["build", "prepack"]);
    });

    test("is what publint wants", async () => {
      const { messages, pkg } = await publint({
        pack: { tarball: Uint8Array.from(readFileSync(packed.tarball)).buffer },
        strict: true,
      });
      const ours = messages.filter(({ path }) => path.at(-1) !== sourceCondition);
      expect(ours.map((message) => formatMessage(message, pkg))).toEqual([]);
    });
  });

  const libraries = packages.filter(({ manifest }) => manifest.exports !== undefined);
  test.each(libraries)(
    "$name has the types of what it exports, for ES modules and bundlers",
    async (packed) => {
      const data = new Uint8Array(readFileSync(packed.tarball));
      const result = await checkPackage(createPackageFromTarballData(data));
      // These two read CommonJS, which has no part in packages of ES modules.
      const elsewhere = new Set(["node10", "node16-cjs"]);
      const problems = result.types === false ? ["it has none"] : result.problems;
      expect(
        problems.filter(
          (one) => !(typeof one === "object" && "resolutionKind" in one && elsewhere.has(one.resolutionKind)),
        ),
      ).toEqual([]);
    },
  );
}
