// What this process was started as. Read when it is loaded: later the files may be others.
import fs from "node:fs";

/** When this program began, in milliseconds since 1970; an execve begins it anew. */
export const launchTime = performance.timeOrigin;

/** The main module, symlinks resolved; undefined for code that has no file. */
export const launchedMain = realPathOf(process.argv[1]);

/**
 * The working directory by the name it was entered with, so that a symlink to the newest release leads to that one; undefined if
 * nobody says.
 */
export const launchDirectory = nameOfDirectory();

/** How this program was started, as far as Node tells: itself, its flags, the module by its name, the arguments. */
export function launchCommand(): string[] | undefined {
  const [, main, ...args] = process.argv;
  if (launchedMain === undefined || main === undefined) return undefined;
  // Two processes cannot have one inspector's port.
  const flags = process.execArgv.filter((flag) => !flag.startsWith("--inspect"));
  return [process.execPath, ...flags, main, ...args];
}

/** Symlinks resolved; undefined if nothing is there. */
export function realPathOf(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : fs.realpathSync(path);
  } catch {
    return undefined;
  }
}

function nameOfDirectory(): string | undefined {
  const { PWD } = process.env;
  return PWD !== undefined && realPathOf(PWD) === realPathOf(".") ? PWD : undefined;
}
