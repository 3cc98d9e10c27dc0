/**
 * The machine as a user of the packages has it: the system's Node and npm, nothing of the checkout on the PATH, and nothing
 * of the npm that runs these tests in the environment.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** How npm reaches its registry is the machine's affair; everything else that npm or the tests set is left out. */
const reachingTheRegistry =
  /^npm_config_(registry|cache|userconfig|globalconfig|cafile|ca|proxy|https_proxy|noproxy|strict_ssl)$/i;
const ofTheTests = /^(npm_|INIT_CWD$|NODE_(OPTIONS|ENV|PATH)$|VITEST|FIELDPOST_|OTEL_|TRACE)/i;

export const systemPath = (process.env["PATH"] ?? "")
  .split(":")
  .filter((folder) => !/(^|\/)node_modules\/|node-gyp-bin$/.test(folder))
  .join(":");

const environment: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => reachingTheRegistry.test(name) || !ofTheTests.test(name)),
  ),
  PATH: systemPath,
  npm_config_update_notifier: "false",
};

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. `path` are folders that come before the system's. */
export async function runSystem(
  command: string,
  args: readonly string[],
  { cwd, path = [], input }: { cwd: string; path?: readonly string[]; input?: Uint8Array },
): Promise<Ended> {
  const child = spawn(command, args, {
    cwd,
    env: { ...environment, PATH: pathWith(path) },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, "close") as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

export function pathWith(before: readonly string[]): string {
  return [...before, systemPath].join(":");
}

/** Installs from tarballs and the registry into a folder, with the scripts of no package. Throws what npm said if it fails. */
export async function install(
  folder: string,
  packages: readonly string[],
  options: readonly string[] = [],
): Promise<void> {
  const args = ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  const { code, stdout, stderr } = await runSystem(
    "npm",
    [...args, "--loglevel=error", ...options, ...packages],
    { cwd: folder },
  );
  if (code !== 0) throw new Error(`npm install ${options.join(" ")} failed:\n${stdout}${stderr}`);
}

/** Whether the registry that npm is told to use answers now. */
export async function registryAnswers(): Promise<boolean> {
  const { code } = await runSystem(
    "npm",
    ["view", "koffi", "version", "--prefer-online", "--fetch-retries=0", "--fetch-timeout=10000"],
    { cwd: "/" },
  );
  return code === 0;
}
