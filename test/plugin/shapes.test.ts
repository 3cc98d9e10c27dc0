// Every two options of ts-proto that decide what its messages look like, together at least once: what the plugin writes
// passes tsc's strictest checks, runs, and filters as the same masks filter messages of protobuf-es.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createFileRegistry, equals, fromBinary, fromJson, toBinary, toJsonString } from "@bufbuild/protobuf";
import type { DescMessage, FileRegistry, JsonValue, Message } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { plugin } from "../../plugin/src/plugin.ts";
import { compilePaths } from "../../plugin/runtime/src/compile.ts";
import { filterMessage } from "../../plugin/runtime/src/filter.ts";
import { schemaOf } from "../../plugin/runtime/src/protobuf-es.ts";
import { pairsOf } from "./pairwise.ts";
import type { Row } from "./pairwise.ts";
import { isErasable, isLeftOut, options, parametersOf, rows } from "./shapes.ts";
import { masks, samples } from "./shapes-samples.ts";
import type { Job, Outcome } from "./shapes-run.ts";
import { Workspace } from "./workspace.ts";

/** All but how modules are found. */
const strictest = {
  target: "es2024",
  lib: ["es2024", "esnext.disposable", "esnext.temporal"],
  types: ["node"],
  customConditions: ["@fieldpost/source"],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noFallthroughCasesInSwitch: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  erasableSyntaxOnly: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  isolatedDeclarations: true,
  declaration: true,
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: true,
  forceConsistentCasingInFileNames: true,
  skipLibCheck: false,
  rootDir: "rows",
  outDir: "out",
};

/** What tsc is known to say of ts-proto's own files. */
const knownOfTsProto = [
  // Enums, without enumsAsLiterals.
  /error TS1294:/,
  // A FieldMask in a union.
  /error TS2345: Argument of type 'string\[\] \| undefined' is not assignable to parameter of type 'string\[\]'/,
];

const workspace = new Workspace({
  "shapes/v1/shapes.proto": readFileSync(join(import.meta.dirname, "shapes.proto"), "utf8"),
});
afterAll(() => workspace[Symbol.dispose]());

let diagnostics: string[];
let outcome: Outcome;
let registry: FileRegistry;
let everything: DescMessage;
let messages: Message[];

beforeAll(() => {
  registry = createFileRegistry(workspace.descriptors());
  everything = registry.getMessage("shapes.v1.Everything")!;
  messages = samples.map((json) => fromJson(everything, json as JsonValue, { registry }));

  const generated = workspace.generateMessages(
    rows.map((row, i) => ({
      out: `rows/${i}`,
      parameters: [...parametersOf(row), "outputPartialMethods=false"],
    })),
  );
  if (generated.status !== 0) throw new Error(generated.stderr);
  const request = workspace.request();
  for (const [i, row] of rows.entries()) {
    const { file, error } = plugin.run({ ...request, parameter: parametersOf(row).join(",") });
    if (error !== "") throw new Error(error);
    for (const { name, content } of file) workspace.write(`rows/${i}/${name}`, content);
  }

  workspace.write("package.json", '{ "type": "module" }');
  workspace.write("nano-date.d.ts", 'declare module "nano-date";\n');
  // Node's own resolution does not take imports without a suffix; a bundler's does.
  const nodenext = { module: "nodenext", moduleResolution: "nodenext" };
  const bundler = { module: "preserve", moduleResolution: "bundler" };
  diagnostics = [
    ...diagnose(nodenext, (row) => row["importSuffix"] !== ""),
    ...diagnose(bundler, (row) => row["importSuffix"] === ""),
  ];

  const job: Job = {
    rows: rows.map((row, i) => {
      const [folder, extension] = isErasable(row) ? ["rows", "ts"] : ["out", "js"];
      const file = (name: string): string =>
        join(workspace.directory, `${folder}/${i}/shapes/v1/${name}.${extension}`);
      return {
        messages: file(`shapes${row["fileSuffix"]}`),
        masks: file("shapes_fieldmask"),
        complete: row["initializeFieldsAsUndefined"] === "true",
      };
    }),
    samples: messages.map((message) => Buffer.from(toBinary(everything, message)).toString("base64")),
    masks,
  };
  workspace.write("job.json", JSON.stringify(job));
  const program = join(import.meta.dirname, "shapes-run.ts");
  // Node 24 has Temporal behind a flag; rows with useDate=temporal need it.
  const ran = workspace.run(
    "node",
    "--conditions=@fieldpost/source",
    "--harmony-temporal",
    program,
    "job.json",
  );
  if (ran.status !== 0) throw new Error(ran.stderr);
  outcome = JSON.parse(ran.stdout) as Outcome;
}, 240_000);

/** Compiles some of the rows into `out`. What tsc says, without the lines that explain the one above: they are indented. */
function diagnose(modules: object, isMeant: (row: Row) => boolean): string[] {
  const include = rows.flatMap((row, i) => (isMeant(row) ? [`rows/${i}`] : []));
  const config = { compilerOptions: { ...strictest, ...modules }, include: [...include, "*.d.ts"] };
  workspace.write("tsconfig.json", JSON.stringify(config));
  const { stdout } = workspace.run("tsc", "-p", ".", "--pretty", "false");
  return stdout.split("\n").filter((line) => /^\S/.test(line));
}

test("every two options meet, but for those that are left out", () => {
  const missing = pairsOf(options).filter(
    ([name, value, other, otherValue]) =>
      !isLeftOut({ [name]: value, [other]: otherValue }) &&
      !rows.some((row) => row[name] === value && row[other] === otherValue),
  );
  expect(missing).toEqual([]);
  expect(rows.some(isLeftOut)).toBe(false);
  expect(rows.some(isErasable)).toBe(true);
});

test("tsc has nothing to say but of ts-proto's own files, and there only what is known", () => {
  const others = diagnostics.filter(
    (line) => /_fieldmask\.ts\(/.test(line) || !knownOfTsProto.some((known) => known.test(line)),
  );
  expect(others).toEqual([]);
});

describe.each(rows.map((row, i) => ({ row: parametersOf(row).join(","), i })))("$row", ({ i }) => {
  test("filters as protobuf-es", () => {
    const results = outcome[i]!;
    if (typeof results === "string") throw new Error(results);
    const schema = schemaOf(everything);
    const compiled = masks.map((paths) => compilePaths(schema, paths, "proto").mask);
    const decode = (base64: string): Message => fromBinary(everything, Buffer.from(base64, "base64"));
    const json = (message: Message): string => toJsonString(everything, message, { registry });
    const different: string[] = [];
    for (const [s, { whole, filtered }] of results.entries()) {
      const held = decode(whole);
      expect(json(held)).toBe(json(messages[s]!));
      for (const [m, mask] of compiled.entries()) {
        const expected = filterMessage(schema, held, mask) as Message;
        const got = decode(filtered[m]!);
        if (equals(everything, got, expected)) continue;
        different.push(`${masks[m]?.join()}: ${json(got)} instead of ${json(expected)}`);
      }
    }
    expect(different).toEqual([]);
  });
});
