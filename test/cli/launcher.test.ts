import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cleanEnv, finish, launcher, run, start } from "./fixtures/run.ts";

const server = dirname(dirname(launcher));
const root = dirname(server);
const pinned = `node-linux-${process.arch}`;
const pinnedPath = join(root, "node_modules", pinned);
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "fieldpost launcher "));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** An installed package: compiled files only, with a program that says how it was started. */
function installPackage(at: string): string {
  const home = join(at, "node_modules/@fieldpost/server");
  mkdirSync(join(home, "bin"), { recursive: true });
  mkdirSync(join(home, "dist"));
  cpSync(launcher, join(home, "bin/fieldpost"));
  writeFileSync(join(home, "package.json"), '{"type":"module"}');
  writeFileSync(
    join(home, "dist/main.js"),
    `console.log(JSON.stringify({ pid: process.pid, node: process.execPath, version: process.versions.node,
       execArgv: process.execArgv, script: process.argv[1], args: process.argv.slice(2),
       launcher: process.env.FIELDPOST_LAUNCHER, cwd: process.cwd() }))`,
  );
  return home;
}

/** A PATH directory with the tools that the launcher may call, and the given `node`. */
function pathWith(name: string, tools: Record<string, string>, node?: string): string {
  const bin = join(dir, name);
  mkdirSync(bin);
  for (const tool of ["readlink", "uname"]) {
    if (tools[tool] === undefined)
      symlinkSync(
        execFileSync("/bin/sh", ["-c", `command -v ${tool}`])
          .toString()
          .trim(),
        join(bin, tool),
      );
  }
  const scripts = node === undefined ? tools : { ...tools, node };
  for (const [tool, script] of Object.entries(scripts)) {
    writeFileSync(join(bin, tool), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return bin;
}

interface Said {
  pid: number;
  node: string;
  version: string;
  execArgv: string[];
  script: string;
  args: string[];
  launcher: string;
  cwd: string;
}

async function ask(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Said> {
  const result = await run(args, { command, ...options });
  expect(result).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(result.stdout) as Said;
}

describe("bin/fieldpost in a checkout", () => {
  it("prints help from another directory", async () => {
    const result = await run(["--help"], { cwd: "/" });
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toContain("Usage: fieldpost");
  });

  it("works through a chain of symlinks, absolute and relative", async () => {
    const bin = join(dir, "some bin");
    mkdirSync(bin);
    symlinkSync(launcher, join(bin, "absolute"));
    symlinkSync("absolute", join(bin, "chained"));
    symlinkSync(relative(bin, launcher), join(bin, "relative"));
    for (const name of ["absolute", "chained", "relative"]) {
      const result = await run(["--version"], { command: join(bin, name) });
      expect(result).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^fieldpost \d+\.\d+\.\d+\n$/),
        stderr: "",
      });
    }
  });

  it("works as an argument of sh, from its own directory and by a relative path", async () => {
    for (const [cwd, name] of [
      [dirname(launcher), "fieldpost"],
      [server, "bin/fieldpost"],
    ] as const) {
      expect(await run([name, "--version"], { command: "/bin/sh", cwd })).toMatchObject({
        code: 0,
        stderr: "",
      });
    }
  });

  it("becomes the Node process: the PID stays", async () => {
    // Waits for its standard input, so it is still there to be looked at.
    const child = start(["enqueue", "--file", "-", "--grpc", "127.0.0.1:1"]);
    const exe = `/proc/${child.pid}/exe`;
    // In the midst of the exec, the program is there and its arguments are not yet.
    const arguments_ = (): string[] => readFileSync(`/proc/${child.pid}/cmdline`, "utf8").split("\0");
    while (!readlinkSync(exe).endsWith(`${pinned}/bin/node`) || arguments_().length < 2) {
      await new Promise(setImmediate);
    }
    const line = arguments_();
    expect(line.slice(1, 4)).toEqual([
      "--disable-sigusr1",
      "--conditions=@fieldpost/source",
      join(server, "src/main.ts"),
    ]);
    expect(await finish(child, "")).toMatchObject({ code: 0 });
  });
});

describe("bin/fieldpost of an installed package", () => {
  it("runs dist/ with the Node that npm put beside it, from a path with spaces", async () => {
    const at = join(dir, "with spaces");
    installPackage(at);
    symlinkSync(pinnedPath, join(at, "node_modules", pinned));
    mkdirSync(join(at, "node_modules/.bin"));
    symlinkSync("../@fieldpost/server/bin/fieldpost", join(at, "node_modules/.bin/fieldpost"));
    const command = join(at, "node_modules/.bin/fieldpost");
    const said = await ask(command, ["get", "two words", "*", ""], {
      cwd: dir,
      env: { PATH: "/usr/bin:/bin" },
    });
    expect(said).toMatchObject({
      args: ["get", "two words", "*", ""],
      script: join(at, "node_modules/@fieldpost/server/dist/main.js"),
      execArgv: ["--disable-sigusr1"],
      launcher: command,
      cwd: dir,
    });
    expect(said.node).toBe(join(pinnedPath, "bin/node"));
  });

  it("prefers the Node that stands nearest, and ignores CDPATH", async () => {
    const at = join(dir, "nearest");
    const home = installPackage(at);
    mkdirSync(join(home, "node_modules"));
    symlinkSync(pinnedPath, join(home, "node_modules", pinned));
    mkdirSync(join(at, "node_modules", pinned, "bin"), { recursive: true });
    writeFileSync(join(at, "node_modules", pinned, "bin/node"), "#!/bin/sh\necho far >&2; exit 9\n", {
      mode: 0o755,
    });
    const said = await ask("bin/fieldpost", [], { cwd: home, env: { CDPATH: dir } });
    expect(said.node).toBe(join(pinnedPath, "bin/node"));
  });

  it("keeps the PID and passes standard input on", async () => {
    const at = join(dir, "pid");
    installPackage(at);
    symlinkSync(pinnedPath, join(at, "node_modules", pinned));
    const command = join(at, "node_modules/@fieldpost/server/bin/fieldpost");
    const child = spawn("/bin/sh", ["-c", `"$1" & echo $!; wait`, "sh", command], { env: cleanEnv() });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    await once(child, "close");
    const lines = out.trim().split("\n");
    const said = JSON.parse(lines.find((line) => line.startsWith("{"))!) as Said;
    expect(lines).toContain(String(said.pid));
  });
});

describe("bin/fieldpost without the pinned Node", () => {
  const real = process.execPath;

  it("takes a node of 24 or later from the PATH", async () => {
    const at = join(dir, "path 24");
    const home = installPackage(at);
    const path = pathWith("bin24", {}, `exec '${real}' "$@"`);
    const said = await ask(join(home, "bin/fieldpost"), ["x"], { env: { PATH: path } });
    expect(said.args).toEqual(["x"]);
  });

  it.each([
    ["no node at all", "none", undefined, {}],
    ["one that is too old", "v20.20.2", "echo v20.20.2", {}],
    ["one that does not start", "unusable", "exit 1", {}],
    ["another system and an old node", "v22.1.0", "echo v22.1.0", { uname: "echo Darwin arm64" }],
  ])("says in one line what is missing: %s", async (_, found, node, tools) => {
    const name = `without ${found}`;
    const home = installPackage(join(dir, name));
    if ("uname" in tools) symlinkSync(pinnedPath, join(dir, name, "node_modules", pinned));
    const path = pathWith(`bin ${found}`, tools, node);
    const result = await run([], { command: join(home, "bin/fieldpost"), env: { PATH: path } });
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toMatch(/^fieldpost: needs Node 24 or later: [^\n]*\n$/);
    expect(result.stderr).toContain(`(found: ${found})`);
  });
});
