/** A Go module in a temporary folder: the committed one, with the code that stock tools generate from the bundle of protos. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeProtoBundle } from "../support/proto-bundle.ts";
import { lacking } from "../support/lacking.ts";
import { documented } from "./documented.ts";
import { lastLine, run } from "./run.ts";

export interface GoModule extends Disposable {
  /** Compiles a package of the module. @returns the program's path */
  build(name: string): Promise<string>;
  /** Puts a file into the module, at its path from there. */
  write(file: string, text: string): void;
  /** The tools of go.mod, by name: grpcurl. */
  tool(name: string, args: readonly string[]): Promise<string>;
}

const minimum = "1.26";

/**
 * Generates as proto/README.md says. The first time on a machine it downloads and compiles gRPC for Go, a minute or two;
 * Go's own caches keep that.
 *
 * @param what the test, for the line that says that it is skipped
 * @returns why there is none, if it is so
 */
export async function openGoModule(what: string): Promise<GoModule | string> {
  if (!isGo()) return lacking(what, `there is no go of version ${minimum} or later`);
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-go-"));
  const bin = join(folder, "bin");
  cpSync(fileURLToPath(new URL("go", import.meta.url)), folder, { recursive: true });
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  // The committed go.mod and go.sum are what is built, whatever the machine's settings.
  const options = { cwd: folder, env: { GOFLAGS: "-mod=readonly", GOWORK: "off" }, timeoutMs: 540_000 };
  try {
    await run("go", ["mod", "download"], options);
  } catch (error) {
    remove();
    return lacking(what, `go mod download failed: ${lastLine(error)}`);
  }
  try {
    mkdirSync(bin);
    // Nice, since other tests with time limits run beside it.
    await run("nice", ["go", "build", "-o", `${bin}/`, "tool"], options);
    writeProtoBundle(join(folder, "protos"));
    writeFileSync(join(folder, "buf.gen.yaml"), documented("yaml", "Go"));
    await run("buf", ["generate"], options);
  } catch (error) {
    remove();
    throw error;
  }
  return {
    async build(name) {
      const program = join(bin, name);
      await run("nice", ["go", "build", "-o", program, `./${name}`], options);
      return program;
    },
    write(file, text) {
      mkdirSync(join(folder, file, ".."), { recursive: true });
      writeFileSync(join(folder, file), text);
    },
    tool: (name, args) => run(join(bin, name), args),
    [Symbol.dispose]: remove,
  };
}

function isGo(): boolean {
  try {
    const version = /go(\d+)\.(\d+)/.exec(execFileSync("go", ["version"], { encoding: "utf8" }));
    const [major, minor] = minimum.split(".").map(Number);
    return version !== null && Number(version[1]) === major! && Number(version[2]) >= minor!;
  } catch {
    return false;
  }
}
