/** The other packages, each installed alone, as their READMEs say. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { lacking } from "../support/lacking.ts";
import { repository, startProgram } from "../support/relay.ts";
import { codeBlocks, namedBlocks } from "./code-blocks.ts";
import type { Manifest, PackedPackage } from "./pack.ts";
import { install, runSystem } from "./system.ts";

const checkout = join(repository, "node_modules");
const installTimeoutMs = 120_000;

const { version } = JSON.parse(readFileSync(join(checkout, "@types/node/package.json"), "utf8")) as Manifest;
const typesOfNode = `@types/node@${version}`;

/** A strict user's, who also checks the declarations of what they import. */
const compilerOptions = {
  target: "es2022",
  lib: ["es2022"],
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
  rootDir: ".",
  outDir: "out",
};

function write(folder: string, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

/** Compiles `files` with the checkout's tsc, into out/. Answers what it said: nothing, if all is well. */
async function compile(folder: string, module: string, files: readonly string[]): Promise<string> {
  const moduleResolution = module === "nodenext" ? "nodenext" : "bundler";
  const options = { ...compilerOptions, module, moduleResolution };
  write(folder, "tsconfig.json", JSON.stringify({ compilerOptions: options, files }));
  const { stdout } = await runSystem(process.execPath, [join(checkout, "typescript/bin/tsc"), "-p", "."], {
    cwd: folder,
  });
  return stdout;
}

export function describeLibraries(packages: readonly PackedPackage[], dir: string): void {
  const tarballOf = (name: string): string => packages.find((one) => one.name === name)!.tarball;
  const readmeOf = (name: string): string =>
    packages
      .find((one) => one.name === name)!
      .files.get("README.md")!
      .toString();
  describe("@fieldpost/supervisor", () => {
    const folder = join(dir, "supervisor");
    const blocks = codeBlocks(readmeOf("@fieldpost/supervisor"));
    const blockWith = (text: string): string => blocks.find((code) => code.includes(text))!;
    const programs = {
      "main.ts": blockWith("startSupervisor("),
      "http.ts": blockWith("serveHttp("),
      "tcp.ts": blockWith("listen("),
      "grpc.ts": blockWith("serveGrpc("),
    };

    beforeAll(async () => {
      mkdirSync(folder);
      write(folder, "package.json", '{"type":"module"}');
      await install(folder, [tarballOf("@fieldpost/supervisor"), typesOfNode]);
    }, installTimeoutMs);

    test("serves HTTP with the README's programs in JavaScript, without grpc-js", async () => {
      // They have no types in them.
      write(folder, "main.js", programs["main.ts"]);
      write(folder, "http.js", programs["http.ts"]);
      const args = ["--disable-sigusr1", "main.js", "http.js", "127.0.0.1:0"];
      await using program = startProgram(process.execPath, args, { cwd: folder });
      const [address] = await program.textLine(/^127\.0\.0\.1:\d+$/);
      expect(await (await fetch(`http://${address}`)).text()).toMatch(/^slot [01]\n$/);
      program.signal("SIGTERM");
      expect(await program.exited).toEqual({ code: 0, signal: null });
    });

    test(
      "has declarations that a strict compiler takes, and that know what is wrong",
      async () => {
        await install(folder, ["@grpc/grpc-js"]);
        for (const [file, text] of Object.entries(programs)) write(folder, file, text);
        write(
          folder,
          "wrong.ts",
          `import { startSupervisor } from "@fieldpost/supervisor";
// @ts-expect-error: workers is a number or "auto".
await startSupervisor({ listeners: [], workerModule: "worker.js", workers: "many" });
`,
        );
        for (const module of ["nodenext", "esnext"]) {
          expect(await compile(folder, module, [...Object.keys(programs), "wrong.ts"])).toBe("");
        }
      },
      installTimeoutMs,
    );
  });

  describe("@fieldpost/fieldmask", () => {
    const folder = join(dir, "fieldmask");

    beforeAll(async () => {
      mkdirSync(folder);
      write(folder, "package.json", '{"type":"module"}');
      await install(folder, [tarballOf("@fieldpost/fieldmask")]);
    }, installTimeoutMs);

    test("runs on the system's Node, by both of its names", async () => {
      write(
        folder,
        "main.js",
        `import { parsePath } from "@fieldpost/fieldmask";
import { compileMask } from "@fieldpost/fieldmask/codegen";
console.log(typeof compileMask, parsePath("labels.\`a.b\`").segments.length);
`,
      );
      expect(await runSystem("node", ["main.js"], { cwd: folder })).toEqual({
        code: 0,
        stdout: "function 2\n",
        stderr: "",
      });
    });
  });

  describe("@fieldpost/protoc-gen-fieldmask", () => {
    const folder = join(dir, "plugin");
    const tools = join(dir, "tools");
    const files = namedBlocks(readmeOf("@fieldpost/protoc-gen-fieldmask"));

    beforeAll(async () => {
      mkdirSync(folder);
      write(folder, "package.json", '{"type":"module"}');
      for (const [name, text] of files) write(folder, name, text);
      mkdirSync(tools);
      // The user's own tools, which are the checkout's here; the plugin is the installed one.
      for (const tool of ["buf", "protoc-gen-ts_proto", "protoc-gen-es"]) {
        symlinkSync(join(checkout, ".bin", tool), join(tools, tool));
      }
      const ours = ["@fieldpost/protoc-gen-fieldmask", "@fieldpost/fieldmask"].map(tarballOf);
      await install(folder, [...ours, typesOfNode]);
    }, installTimeoutMs);

    const path = [join(folder, "node_modules/.bin"), tools];

    test("generates with the README's files; what it generates compiles and runs on the system's Node", async () => {
      expect([...files.keys()]).toEqual([
        "buf.yaml",
        "proto/shop/v1/shop.proto",
        "buf.gen.yaml",
        "src/main.ts",
        "buf.gen.es.yaml",
        "src/main-es.ts",
      ]);
      const generated = await runSystem("buf", ["generate"], { cwd: folder, path });
      expect(generated).toEqual({ code: 0, stdout: "", stderr: "" });
      expect(await compile(folder, "nodenext", ["src/main.ts"])).toBe("");
      const ran = await runSystem("node", ["out/src/main.js"], { cwd: folder });
      expect(ran).toMatchObject({ code: 0, stderr: "" });
      expect(await runSystem(process.execPath, ["src/main.ts"], { cwd: folder })).toEqual(ran);
      expect(ran.stdout).toMatch(/^\{ name: '', payment: \{ method: '', amount: 1200n \}/);
      expect(ran.stdout).toMatch(/name: 'orders\/1',\s+payment: \{ method: 'cash', amount: 1200n \}/);
      expect(ran.stdout).toContain("suggestion: 'payment.amount'");
      expect(ran.stdout).toMatch(/\n1200n\n$/);
    });

    test("generates the same under protoc", async ({ skip }) => {
      const { code } = await runSystem("sh", ["-c", "command -v protoc"], { cwd: folder });
      if (code !== 0) {
        lacking("the plugin under protoc", "there is no protoc");
        skip();
      }
      const command = codeBlocks(readmeOf("@fieldpost/protoc-gen-fieldmask")).find((block) =>
        block.includes("protoc -I"),
      )!;
      // The checkout's ts-proto, in place of one that the user installs.
      const script = command
        .replace("--plugin=$bin/protoc-gen-ts_proto", `--plugin=${join(tools, "protoc-gen-ts_proto")}`)
        .replaceAll("_out=src/gen", "_out=protoc");
      const ran = await runSystem("sh", ["-euc", `mkdir -p protoc\n${script}`], { cwd: folder, path });
      expect(ran).toEqual({ code: 0, stdout: "", stderr: "" });
      const generated = "shop/v1/shop_fieldmask.ts";
      expect(readFileSync(join(folder, "protoc", generated), "utf8")).toBe(
        readFileSync(join(folder, "src/gen", generated), "utf8"),
      );
    });

    test("does so for protobuf-es", async () => {
      const generate = ["generate", "--template", "buf.gen.es.yaml"];
      expect(await runSystem("buf", generate, { cwd: folder, path })).toEqual({
        code: 0,
        stdout: "",
        stderr: "",
      });
      expect(await compile(folder, "nodenext", ["src/main-es.ts"])).toBe("");
      const ran = await runSystem("node", ["out/src/main-es.js"], { cwd: folder });
      expect(ran).toEqual({ code: 0, stdout: "1200n\n21 10\n", stderr: "" });
      expect(await runSystem(process.execPath, ["src/main-es.ts"], { cwd: folder })).toEqual(ran);
    });

    test("starts on the system's Node, and answers a request without files with none", async () => {
      const bin = join(folder, "node_modules/.bin/protoc-gen-fieldmask");
      const { stdout } = await runSystem("node", ["--version"], { cwd: folder });
      process.stdout.write(`the plugin is started by Node ${stdout}`);
      expect(await runSystem(bin, [], { cwd: folder, input: new Uint8Array() })).toMatchObject({
        code: 0,
        stderr: "",
      });
    });
  });
}
