// Compiles what is measured, as users have it: taking types out of sources at the start costs time and memory.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const here = join(root, "test/bench/supervisor");

export interface CompiledPrograms extends Disposable {
  readonly folder: URL;
}

/**
 * The subjects' programs, compiled, with the compiled package in a node_modules beside them; koffi and grpc-js are found further
 * up. A folder of its own for each run, and none in the package: somebody may be packing that. Dispose of it.
 */
export function compilePrograms(): CompiledPrograms {
  mkdirSync(join(here, "dist"), { recursive: true });
  const folder = mkdtempSync(join(here, "dist/build-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  // With signals, too.
  process.once("exit", remove);
  const installed = join(folder, "node_modules/@fieldpost/supervisor");
  compile(join(root, "server/supervisor/tsconfig.json"), join(installed, "dist"));
  cpSync(join(root, "server/supervisor/package.json"), join(installed, "package.json"));
  compile(join(here, "tsconfig.build.json"), folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  return { folder: pathToFileURL(`${folder}/`), [Symbol.dispose]: remove };
}

function compile(project: string, outDir: string): void {
  const tsc = join(root, "node_modules/.bin/tsc");
  execFileSync(tsc, ["-p", project, "--outDir", outDir], { stdio: ["ignore", "inherit", "inherit"] });
}
