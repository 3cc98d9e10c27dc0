// What buf, the generators of messages and our plugin make of the schemas, on the disk.

import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import { CodeGeneratorRequestSchema } from "@bufbuild/protobuf/wkt";
import { plugin } from "../../plugin/src/plugin.ts";
import { Workspace, repository } from "../plugin/workspace.ts";
import type { Schema } from "./schemas.ts";
import { shapeParameters, shapes } from "./shapes.ts";
import type { Subject } from "./subject.ts";
import { loadSubject } from "./subject.ts";

/** Code on the disk. Dispose of it. */
export class GeneratedCode implements Disposable {
  readonly schemas: readonly Schema[];
  readonly #workspace: Workspace;

  /** Runs buf with both generators of messages, and our plugin. */
  constructor(schemas: readonly Schema[]) {
    this.schemas = schemas;
    this.#workspace = new Workspace({
      ...Object.fromEntries(this.schemas.map(({ name, text }) => [`${name}.proto`, text])),
      "google/api/field_behavior.proto": readFileSync(
        join(repository, "proto/google/api/field_behavior.proto"),
        "utf8",
      ),
    });
    this.#generateMessages();
    const descriptors = this.#workspace.descriptors();
    const es = ["messages=protobuf-es", "import_extension=ts"];
    this.#generateMasks(descriptors, "gen/protobuf-es", this.schemas, es);
    for (const [index, shape] of shapes.entries()) {
      this.#generateMasks(
        descriptors,
        `gen/ts-proto-${index}`,
        this.#schemasOf(index),
        shapeParameters(shape),
      );
    }
  }

  /** Imports what was generated for one schema. */
  load(schema: Schema): Promise<Subject> {
    return loadSubject(join(this.#workspace.directory, "gen"), schema, this.#shapeOf(schema));
  }

  /** Starts the type checker on the code for some of the schemas, under the flags of this repository. */
  startTypeCheck(schemas: readonly Schema[]): ChildProcess {
    const include = schemas.flatMap(({ name }) => [`gen/*/${name}.ts`, `gen/*/${name}_*.ts`]);
    this.#workspace.write("package.json", '{ "type": "module" }');
    this.#workspace.write(
      "tsconfig.json",
      JSON.stringify({ extends: join(repository, "tsconfig.json"), include, exclude: [] }),
    );
    const tsc = join(repository, "node_modules/.bin/tsc");
    return spawn(tsc, ["-p", "."], { cwd: this.#workspace.directory, stdio: ["ignore", "pipe", "inherit"] });
  }

  [Symbol.dispose](): void {
    this.#workspace[Symbol.dispose]();
  }

  #shapeOf(schema: Schema): number | undefined {
    return schema.syntax === "proto2" ? undefined : this.schemas.indexOf(schema) % shapes.length;
  }

  #schemasOf(shapeIndex: number): Schema[] {
    return this.schemas.filter((schema) => this.#shapeOf(schema) === shapeIndex);
  }

  #generateMessages(): void {
    // By directory, which is the default, each generator would be started several times as often.
    const strategy = "all";
    const es = {
      local: "protoc-gen-es",
      out: "gen/protobuf-es",
      strategy,
      include_imports: true,
      opt: ["target=ts", "import_extension=ts", "erasable_syntax=true"],
    };
    const tsProto = shapes.map((shape, index) => ({
      local: "protoc-gen-ts_proto",
      out: `gen/ts-proto-${index}`,
      strategy,
      include_imports: true,
      include_wkt: true,
      types: this.#schemasOf(index).flatMap(({ name }) => [
        ...[`${name}.Root`, `${name}.ReadRequest`, `${name}.UpdateRequest`],
      ]),
      exclude_types: ["fieldmask.option.Option", "google.api.field_behavior"],
      opt: [
        ...shapeParameters(shape),
        ...["enumsAsLiterals=true", "outputServices=none", "outputJsonMethods=false"],
        ...["outputPartialMethods=false", "annotateFilesWithVersion=false"],
      ],
    }));
    // JSON is YAML.
    this.#workspace.write("buf.gen.yaml", JSON.stringify({ version: "v2", plugins: [es, ...tsProto] }));
    const { status, stderr } = this.#workspace.run("buf", "generate");
    if (status !== 0) throw new Error(stderr);
  }

  /** In this process: starting our plugin takes longer than its work. */
  #generateMasks(
    { file }: FileDescriptorSet,
    out: string,
    schemas: readonly Schema[],
    parameters: readonly string[],
  ): void {
    const fileToGenerate = schemas.map(({ name }) => `${name}.proto`);
    const request = { parameter: parameters.join(","), protoFile: file, fileToGenerate };
    const response = plugin.run(create(CodeGeneratorRequestSchema, request));
    if (response.error !== "") throw new Error(response.error);
    for (const { name, content } of response.file) this.#workspace.write(`${out}/${name}`, content);
  }
}
