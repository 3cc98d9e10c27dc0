// A directory with protos of a test's own, beside which the option's proto stands, and what buf and the plugin make
// of them.

import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create, fromBinary } from "@bufbuild/protobuf";
import type { CodeGeneratorRequest, FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import { CodeGeneratorRequestSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

export const repository = join(import.meta.dirname, "../..");

/** What the tests run is what `npm ci` installed, whatever the caller's PATH says. */
const environment = {
  ...process.env,
  PATH: `${join(repository, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`,
};

/** The parameters that both plugins are given, in the shape that is supported. */
export const shape = [
  "env=node",
  "importSuffix=.ts",
  "oneof=unions",
  "useOptionals=messages",
  "forceLong=bigint",
  "useMapType=true",
];

/** What a program said. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A temporary directory. Dispose of it. */
export class Workspace implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "fieldpost-plugin-"));

  constructor(protos: Record<string, string>) {
    cpSync(join(repository, "plugin/proto"), join(this.directory, "proto"), { recursive: true });
    // So that generated code finds the runtime, and tsc the types of Node.
    symlinkSync(join(repository, "node_modules"), join(this.directory, "node_modules"));
    this.write("buf.yaml", "version: v2\nmodules:\n  - path: proto\n");
    for (const [name, text] of Object.entries(protos)) this.write(`proto/${name}`, text);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.directory, name)), { recursive: true });
    writeFileSync(join(this.directory, name), text);
  }

  read(name: string): string {
    return readFileSync(join(this.directory, name), "utf8");
  }

  /** The names of all files below a directory. */
  list(name: string): string[] {
    const entries = readdirSync(join(this.directory, name), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(this.directory, name).length + 1))
      .toSorted();
  }

  run(program: string, ...args: string[]): Ran {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: this.directory,
      env: environment,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  }

  /** Runs `buf generate` with ts-proto and our plugin, into `gen`. */
  generate(parameters: readonly string[] = shape): Ran {
    const tsProto = tsProtoPlugin("gen", [...parameters, "enumsAsLiterals=true"]);
    this.write("buf.gen.yaml", `version: v2\nplugins:${tsProto}${ourPlugin(parameters)}`);
    return this.run("buf", "generate");
  }

  /** The same with protobuf-es. */
  generateEs(): Ran {
    const parameters = ["target=ts", "import_extension=ts", "erasable_syntax=true"];
    const es = `
  - local: protoc-gen-es
    out: gen
    include_imports: true
    opt:
${yamlList(parameters)}`;
    const ours = ourPlugin(["messages=protobuf-es", "import_extension=ts"]);
    this.write("buf.gen.yaml", `version: v2\nplugins:${es}${ours}`);
    return this.run("buf", "generate");
  }

  /** Runs `buf generate` with ts-proto alone, for several lists of parameters at once. */
  generateMessages(targets: readonly { out: string; parameters: readonly string[] }[]): Ran {
    const plugins = targets.map(({ out, parameters }) => tsProtoPlugin(out, parameters));
    this.write("buf.gen.yaml", `version: v2\nplugins:${plugins.join("")}`);
    return this.run("buf", "generate");
  }

  /** What protoc would send to a plugin, for all files of the workspace. */
  request(parameters: readonly string[] = shape): CodeGeneratorRequest {
    const set = this.descriptors();
    return create(CodeGeneratorRequestSchema, {
      parameter: parameters.join(","),
      protoFile: set.file,
      fileToGenerate: set.file.map(({ name }) => name).filter((name) => !name.startsWith("google/")),
    });
  }

  /** All files of the workspace, and what they import. */
  descriptors(): FileDescriptorSet {
    const built = this.run("buf", "build", "--as-file-descriptor-set", "-o", "image.binpb");
    if (built.status !== 0) throw new Error(built.stderr);
    return fromBinary(FileDescriptorSetSchema, readFileSync(join(this.directory, "image.binpb")));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function ourPlugin(parameters: readonly string[]): string {
  return `
  - local: ["node", "--conditions=@fieldpost/source", "${join(repository, "plugin/src/main.ts")}"]
    out: gen
    opt:
${yamlList(parameters)}`;
}

/** ts-proto, told to write no more than messages. */
function tsProtoPlugin(out: string, parameters: readonly string[]): string {
  const more = ["outputServices=none", "outputClientImpl=false", "outputJsonMethods=false"];
  return `
  - local: protoc-gen-ts_proto
    out: ${out}
    include_imports: true
    include_wkt: true
    strategy: all
    exclude_types:
      - fieldmask.option.Option
    opt:
${yamlList([...parameters, ...more])}`;
}

function yamlList(parameters: readonly string[]): string {
  return parameters.map((parameter) => `      - ${JSON.stringify(parameter)}\n`).join("");
}
