/** Compiles disk.c, and says which environment puts it between a program and its store's files. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, renameSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
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

/** @throws Error if there is a C compiler, and it refuses the source */
export function compileDisk(): { readonly library: string } | { readonly missing: string } {
  compiledDisk ??= compile();
  return compiledDisk;
}

const source = fileURLToPath(new URL("disk.c", import.meta.url));
const flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-U_FORTIFY_SOURCE", "-fPIC", "-shared"];

/**
 * Kept for later runs, one for each state of the source: the library must be there as long as programs that have it are
 * started, and the test runner's processes hear nothing of their end.
 */
function compile(): { library: string } | { missing: string } {
  if (process.platform !== "linux") return { missing: "LD_PRELOAD is a thing of Linux" };
  const folder = join(tmpdir(), `fieldpost-disk-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (lstatSync(folder).uid !== userInfo().uid) throw new Error(`${folder} belongs to somebody else`);
  const version = createHash("sha256").update(readFileSync(source)).update(flags.join(" ")).digest("hex");
  const library = join(folder, `${version.slice(0, 16)}.so`);
  if (existsSync(library)) return { library };
  const made = `${library}.${process.pid}`;
  const { error, status, stderr } = spawnSync("cc", [...flags, "-o", made, source, "-ldl", "-lpthread"], {
    encoding: "utf8",
  });
  if (error !== undefined) return { missing: `the C compiler cc cannot be started (${error.message})` };
  if (status !== 0) throw new Error(`cc refuses ${source}:\n${stderr}`);
  renameSync(made, library);
  return { library };
}
