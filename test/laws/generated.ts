// The schemas with what is generated for them: the messages of protobuf-es, those of ts-proto in one of the shapes that
// its options give, and our code for both.

import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Mask, MaskResult } from "@fieldpost/fieldmask";
import { Workspace, repository } from "../plugin/workspace.ts";
import type { Schema } from "./schemas.ts";
import { makeSchemas } from "./schemas.ts";
import type { Shape } from "./shapes.ts";
import { shapeParameters, shapes } from "./shapes.ts";

/** A schema, and the messages of both targets for its message Root. */
export interface Subject {
  readonly schema: Schema;
  readonly shape: Shape;
  readonly desc: DescMessage;
  readonly protobufEs: Target;
  readonly tsProto: Target;
}

type Paths = readonly string[] | undefined;

/** What is generated for the message Root, with its type left out. */
export interface Target {
  readonly name: "ts-proto" | "protobuf-es";
  decode(bytes: Uint8Array): object;
  encode(message: object): Uint8Array;
  /** Strict: for reads through lists, and for updates. */
  parse(paths: Paths): MaskResult;
  parseUpdate(paths: Paths): MaskResult;
  /** Lenient. */
  compile(paths: Paths, options?: { emptyMask: "all" | "nothing" }): Mask;
  filter(message: object, mask: Mask): object;
  prune(message: object, mask: Mask | undefined): object;
  update(
    target: object,
    patch: object,
    mask: Mask | undefined,
    options?: { fieldBehavior?: boolean },
  ): object;
  merge(target: object, source: object, mask: Mask | undefined, options?: object): object;
  diff(before: object, after: object, options?: { mapKeys?: boolean }): Mask;
  filterBytes(bytes: Uint8Array, mask: Mask, options?: { unknownFields?: "drop" | "keep" }): Uint8Array;
  encodeMasked(message: object, mask: Mask): Uint8Array;
}

/** Code on the disk. Dispose of it. */
export class GeneratedCode implements Disposable {
  readonly schemas: readonly Schema[];
  readonly #workspace: Workspace;

  /** Makes schemas, and runs buf with both generators of messages and our plugin. */
  constructor(seed: string, count: number) {
    this.schemas = makeSchemas(seed, count);
    this.#workspace = new Workspace({
      ...Object.fromEntries(this.schemas.map(({ name, text }) => [`${name}.proto`, text])),
      "google/api/field_behavior.proto": readFileSync(
        join(repository, "proto/google/api/field_behavior.proto"),
        "utf8",
      ),
    });
    this.#workspace.write("buf.gen.yaml", this.#template());
    const { status, stderr } = this.#workspace.run("buf", "generate");
    if (status !== 0) throw new Error(stderr);
  }

  /** Imports what was generated for one schema. */
  load(schema: Schema): Promise<Subject> {
    return loadSubject(join(this.#workspace.directory, "gen"), schema, this.#shapeOf(schema));
  }

  /** Starts the type checker on all of it, under the flags of this repository and more. */
  startTypeCheck(): ChildProcess {
    this.#workspace.write("package.json", '{ "type": "module" }');
    this.#workspace.write(
      "tsconfig.json",
      JSON.stringify({ extends: join(repository, "tsconfig.json"), include: ["gen"], exclude: [] }),
    );
    const tsc = join(repository, "node_modules/.bin/tsc");
    return spawn(tsc, ["-p", "."], { cwd: this.#workspace.directory, stdio: ["ignore", "pipe", "inherit"] });
  }

  [Symbol.dispose](): void {
    this.#workspace[Symbol.dispose]();
  }

  #shapeOf(schema: Schema): number {
    return this.schemas.indexOf(schema) % shapes.length;
  }

  #template(): string {
    // By directory, which is the default, each plugin would be started several times as often.
    const strategy = "all";
    const plugin = {
      local: ["node", "--conditions=@fieldpost/source", join(repository, "plugin/src/main.ts")],
      strategy,
    };
    const plugins: object[] = [
      {
        local: "protoc-gen-es",
        out: "gen/protobuf-es",
        strategy,
        include_imports: true,
        opt: ["target=ts", "import_extension=ts", "erasable_syntax=true"],
      },
      { ...plugin, out: "gen/protobuf-es", opt: ["messages=protobuf-es", "import_extension=ts"] },
    ];
    for (const [index, shape] of shapes.entries()) {
      const out = `gen/ts-proto-${index}`;
      const types = this.schemas
        .filter((schema) => this.#shapeOf(schema) === index)
        .flatMap(({ name }) => [`${name}.Root`, `${name}.ReadRequest`, `${name}.UpdateRequest`]);
      const parameters = shapeParameters(shape);
      plugins.push({
        local: "protoc-gen-ts_proto",
        out,
        include_imports: true,
        include_wkt: true,
        strategy,
        types,
        exclude_types: ["fieldmask.option.Option", "google.api.field_behavior"],
        opt: [
          ...parameters,
          ...["enumsAsLiterals=true", "outputServices=none", "outputJsonMethods=false"],
          ...["outputPartialMethods=false", "annotateFilesWithVersion=false"],
        ],
      });
      plugins.push({ ...plugin, out, types, opt: parameters });
    }
    // JSON is YAML.
    return JSON.stringify({ version: "v2", plugins });
  }
}

/** Imports what was generated for one schema, with one of the shapes, into a directory. */
export async function loadSubject(directory: string, schema: Schema, shapeIndex: number): Promise<Subject> {
  const load = (folder: string, file: string): Promise<Module> =>
    import(join(directory, folder, `${schema.name}${file}.ts`)) as Promise<Module>;
  const [esMessages, esMasks, tsMessages, tsMasks] = await Promise.all([
    load("protobuf-es", "_pb"),
    load("protobuf-es", "_fieldmask"),
    load(`ts-proto-${shapeIndex}`, ""),
    load(`ts-proto-${shapeIndex}`, "_fieldmask"),
  ]);
  const desc = pick<DescMessage>(esMessages, "RootSchema");
  const codec = pick<Codec>(tsMessages, "Root");
  return {
    schema,
    shape: shapes[shapeIndex] as Shape,
    desc,
    protobufEs: {
      name: "protobuf-es",
      decode: (bytes) => fromBinary(desc, bytes),
      encode: (message) => toBinary(desc, message as Message),
      ...functionsOf(esMasks),
    },
    tsProto: {
      name: "ts-proto",
      decode: (bytes) => codec.decode(bytes),
      encode: (message) => codec.encode(message).finish(),
      ...functionsOf(tsMasks),
    },
  };
}

type Module = Readonly<Record<string, unknown>>;

interface Codec {
  decode(bytes: Uint8Array): object;
  encode(message: object): { finish(): Uint8Array };
}

function functionsOf(masks: Module): Omit<Target, "name" | "decode" | "encode"> {
  return {
    parse: pick(masks, "parseReadRequestReadMask"),
    parseUpdate: pick(masks, "parseUpdateRequestUpdateMask"),
    compile: pick(masks, "compileReadRequestReadMask"),
    filter: pick(masks, "filterRoot"),
    prune: pick(masks, "pruneRoot"),
    update: pick(masks, "updateRoot"),
    merge: pick(masks, "mergeRoot"),
    diff: pick(masks, "diffRoot"),
    filterBytes: pick(masks, "filterRootBytes"),
    encodeMasked: pick(masks, "encodeRoot"),
  };
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what was generated
function pick<T>(module: Module, name: string): T {
  if (!Object.hasOwn(module, name)) throw new Error(`nothing is generated by the name of ${name}`);
  return module[name] as T;
}
