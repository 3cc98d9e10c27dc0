/** `npm pack` of all packages, and what is in the tarballs. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpack } from "@publint/pack";
import { repository } from "../support/relay.ts";
import { runSystem } from "./system.ts";

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly workspaces?: readonly string[];
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

export interface PackedPackage {
  readonly name: string;
  /** Where it lies in the repository: `server/supervisor`. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Path of its .tgz. */
  readonly tarball: string;
  /** By path within the package, without the `package/` that npm puts before it. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** A file that no source has; left in each dist/ before packing, as a file of an older build would be. */
export const staleFile = "dist/stale.js";

/** Packs as a user or `npm publish` does, with nothing built before. Tarballs go to `destination`. */
export async function packAll(destination: string): Promise<PackedPackage[]> {
  const { workspaces = [] } = manifestOf(".");
  for (const folder of workspaces) {
    mkdirSync(join(repository, folder, "dist"), { recursive: true });
    writeFileSync(join(repository, folder, staleFile), "");
  }
  const packed = await runSystem("npm", ["pack", "--workspaces", "--pack-destination", destination], {
    cwd: repository,
  });
  if (packed.code !== 0) throw new Error(`npm pack failed:\n${packed.stdout}${packed.stderr}`);
  return Promise.all(workspaces.map((folder) => read(destination, folder)));
}

async function read(destination: string, folder: string): Promise<PackedPackage> {
  const { name, version } = manifestOf(folder);
  const tarball = join(destination, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
  const { files, rootDir } = await unpack(Uint8Array.from(readFileSync(tarball)).buffer);
  const byPath = new Map(
    files.map((file) => [file.name.slice(rootDir.length + 1), Buffer.from(file.data)] as const),
  );
  const manifest = JSON.parse(String(byPath.get("package.json"))) as Manifest;
  return { name, folder, manifest, tarball, files: byPath };
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(repository, folder, "package.json"), "utf8")) as Manifest;
}
