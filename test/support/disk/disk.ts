/** Compiles disk.c, and says which environment puts it between a program and its store's files. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface DiskOptions {
  /** The start of the paths of the files that are concerned, a store's for instance. The folder must be there. */
  readonly path: string;
  /** So much longer each fsync takes. Default: 0 */
  readonly fsyncDelayMs?: number;
  /** Each change is appended to this file, to be read by disk-log.ts. Default: nothing is recorded */
  readonly log?: string;
  /**
   * A folder: a file in it with the name of one that is concerned makes that one's next fsync fail with EIO, and is
   * removed by that. Default: none fails
   */
  readonly failFsync?: string;
}

/** What to give to a program's environment, or why that cannot be had on this machine. */
export type Disk = { readonly env: Readonly<Record<string, string>> } | { readonly missing: string };

export function diskEnvironment({ path, fsyncDelayMs = 0, log, failFsync }: DiskOptions): Disk {
  const compiled = compileDisk();
  if ("missing" in compiled) return compiled;
  const preload = [compiled.library, process.env["LD_PRELOAD"]].filter(Boolean).join(":");
  return {
    env: {
      LD_PRELOAD: preload,
      // SQLite opens files by the path that is left when all symbolic links are followed.
      DISK_PATH: join(realpathSync(dirname(path)), basename(path)),
      DISK_FSYNC_DELAY_US: String(Math.round(fsyncDelayMs * 1000)),
      ...(log === undefined ? {} : { DISK_LOG: log }),
      ...(failFsync === undefined ? {} : { DISK_FAIL_FSYNC: failFsync }),
    },
  };
}

let compiledDisk: { library: string } | { missing: string } | undefined;

/** Once a process; removed when it ends. @throws Error if there is a C compiler, and it refuses the source */
export function compileDisk(): { readonly library: string } | { readonly missing: string } {
  compiledDisk ??= compile();
  return compiledDisk;
}

const source = fileURLToPath(new URL("disk.c", import.meta.url));
const flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-U_FORTIFY_SOURCE", "-fPIC", "-shared"];

function compile(): { library: string } | { missing: string } {
  if (process.platform !== "linux") return { missing: "LD_PRELOAD is a thing of Linux" };
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-disk-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const library = join(folder, "disk.so");
  const { error, status, stderr } = spawnSync("cc", [...flags, "-o", library, source, "-ldl", "-lpthread"], {
    encoding: "utf8",
  });
  if (error !== undefined) return { missing: `the C compiler cc cannot be started (${error.message})` };
  if (status !== 0) throw new Error(`cc refuses ${source}:\n${stderr}`);
  return { library };
}
