/** A Python with packages of its own, in a temporary folder; for every test whose client is in Python. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lacking } from "../support/lacking.ts";
import { lastLine, run } from "./run.ts";
import type { RunOptions } from "./run.ts";

export interface Python extends Disposable {
  /** For what the tests write. */
  readonly folder: string;
  /** Runs Python. @returns standard output */
  python(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Runs a program of the documentation as a shell does, with this Python in front. */
  shell(command: string): Promise<string>;
}

/**
 * @param what the test, for the line that says that it is skipped
 * @param requirements path of a file for pip
 * @returns why there is none, if it is so
 */
export async function openPython(what: string, requirements: string): Promise<Python | string> {
  if (!isPython()) return lacking(what, "there is no python3 of version 3.11 or later with venv");
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-python-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const environment = join(folder, "venv");
  const python = join(environment, "bin/python");
  try {
    await run("python3", ["-m", "venv", environment], { timeoutMs: 120_000 });
    const install = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2"];
    await run(python, ["-m", "pip", ...install, "-r", requirements], { timeoutMs: 300_000 });
  } catch (error) {
    remove();
    return lacking(what, `pip install failed: ${lastLine(error)}`);
  }
  const env = { PATH: `${join(environment, "bin")}:${process.env["PATH"] ?? ""}`, PYTHONPATH: folder };
  return {
    folder,
    python: (args, options) => run(python, args, { cwd: folder, env, ...options }),
    shell: (command) => run("sh", ["-euc", command], { cwd: folder, env }),
    [Symbol.dispose]: remove,
  };
}

function isPython(): boolean {
  try {
    const program = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    execFileSync("python3", ["-c", program], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
