/** Runs other languages' programs. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface RunOptions {
  readonly cwd?: string;
  /** Beside this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/** @returns standard output. Rejects with all that it wrote if it fails: execFile's message has standard error. */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env = {}, timeoutMs = 60_000 }: RunOptions = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, {
    cwd,
    env: { ...process.env, ...env },
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: Error & { stdout?: string }) => {
    throw new Error(`${error.message.trim()}\n${error.stdout ?? ""}`.trim(), { cause: error });
  });
  return stdout;
}

/** Where a program says in the end what was wrong. */
export function lastLine(error: unknown): string {
  return String(error).trim().split("\n").at(-1) ?? "";
}
