// Messages and masks named like what the generated file declares or imports, and like properties of every object; and
// messages that are in another module.

import { join } from "node:path";
import { expect, test } from "vitest";
import { Workspace, repository, shape } from "./workspace.ts";

const names = [
  // What the file declares for the message Ping and the mask Req.m.
  ...["PingPath", "PingPathOver", "PingPathTo1", "PingPathInUpdate", "PingBelow", "keepPing", "pingSchema"],
  ...[
    "filterPing",
    "shape",
    "ReqM",
    "ReqMPath",
    "reqM",
    "parseReqM",
    "compileReqM",
    "validateReqM",
    "ReqMIn",
  ],
  // What would be declared for two messages under one name.
  ...["ping", "PING", "KeepASchema", "ASchema", "Keep", "A", "keepPing_which"],
  // What it imports, and globals.
  ...[
    "Mask",
    "MessageSchema",
    "Slots",
    "TsProtoShape",
    "Violation",
    "parseMask",
    "defineMask",
    "listOf",
    "own",
  ],
  ...["Temporal", "Long", "Record", "Object", "Function", "Date", "Symbol"],
];

const proto = `syntax = "proto3";
package names.v1;
import "fieldmask/option.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/timestamp.proto";

message Ping {
  Ping ping = 1; repeated Ping pings = 2; bytes data = 3; map<int64, bytes> map = 4; google.protobuf.Timestamp time = 5;
  oneof which { Ping one = 6; string other = 7; }
  string constructor = 8; repeated string toString = 9; map<string, Ping> valueOf = 10; bytes hasOwnProperty = 11;
  Ping isPrototypeOf = 12; oneof propertyIsEnumerable { string a = 13; Ping toLocaleString = 14; }
  ${names.map((name, i) => `.names.v1.${name} field_${i} = ${i + 100};`).join("\n  ")}
}
${names.map((name) => `message ${name} { string name = 1; }`).join("\n")}

message Req {
  google.protobuf.FieldMask m = 1 [
    (fieldmask.option.Option).in = {gen: true, resource: "ping"},
    (fieldmask.option.Option).out = {gen: true, message: "Ping"}
  ];
  Ping ping = 2;
}
message Inherits {
  google.protobuf.FieldMask valueOf = 1 [(fieldmask.option.Option).in = {gen: true, resource: "toString"}];
  Ping toString = 2;
}
// Their masks would be the constants parseMask and keepPing.
message Parse { google.protobuf.FieldMask mask = 1 [(fieldmask.option.Option).out = {gen: true, message: "Ping"}]; }
message Keeper { google.protobuf.FieldMask ping = 1 [(fieldmask.option.Option).out = {gen: true, message: "Ping"}]; }
`;

const behaviour = (extension: string): string => `
import assert from "node:assert/strict";
import type { Ping } from "./gen/names/v1/names${extension}";
import {
  applyInheritsValueOf, compileParseMask, compileReqM, filterPing, parseReqMIn, withInheritsValueOf,
} from "./gen/names/v1/names_fieldmask${extension}";

// As initializeFieldsAsUndefined=false leaves it: not even own properties.
const bare = {} as Ping;
const all = filterPing(bare, compileReqM(["*"]));
for (const name of ["constructor", "hasOwnProperty", "isPrototypeOf", "toLocaleString"] as const) {
  assert.equal(Object.getOwnPropertyDescriptor(all, name)?.value, undefined, name);
}
assert.deepEqual(Object.getOwnPropertyDescriptor(all, "toString")?.value, []);
assert.deepEqual(Object.getOwnPropertyDescriptor(all, "valueOf")?.value, new Map());

const set = { constructor: "c", toString: ["t"], field_0: undefined } as unknown as Ping;
assert.equal(filterPing(set, compileParseMask(["constructor"])).constructor, "c");
assert.deepEqual(filterPing(set, compileParseMask(["toString"])).toString, ["t"]);
const none = {} as Parameters<typeof applyInheritsValueOf>[0];
assert.equal(applyInheritsValueOf(none, set).constructor, "c");
assert.deepEqual(withInheritsValueOf(none, "ping").valueOf, ["ping"]);
assert.equal(parseReqMIn(["keepPing.nope"]).ok, false);
assert.equal(parseReqMIn(["field_0.name"]).ok, true);
console.log("all is well");
`;

function compile(workspace: Workspace, include: readonly string[]): ReturnType<Workspace["run"]> {
  const config = { extends: join(repository, "tsconfig.json"), include, exclude: [] };
  workspace.write("package.json", '{ "type": "module" }');
  workspace.write("tsconfig.json", JSON.stringify(config));
  return workspace.run("tsc", "-p", ".");
}

test.each([
  ["as they are", shape],
  [
    "with other options",
    [
      "env=node",
      "importSuffix=.ts",
      "useMapType=true",
      "useOptionals=all",
      "useSnakeTypeName=false",
      "forceLong=long",
      "esModuleInterop=true",
    ],
  ],
])(
  "messages named like everything that is there, %s",
  (_, parameters) => {
    // With forceLong=long, a message Long is too much for ts-proto itself.
    const text = parameters.includes("forceLong=long") ? proto.replaceAll(/\bLong\b/g, "Lang") : proto;
    using workspace = new Workspace({ "names/v1/names.proto": text });
    expect(workspace.generate(parameters)).toEqual({ status: 0, stdout: "", stderr: "" });
    workspace.write("behaviour.ts", behaviour(".ts"));
    expect(compile(workspace, ["behaviour.ts"])).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(workspace.run("node", "--conditions=@fieldpost/source", "behaviour.ts")).toEqual({
      status: 0,
      stdout: "all is well\n",
      stderr: "",
    });
  },
  120_000,
);

test.each(["ts-proto", "protobuf-es"])(
  "masks over messages of %s that are named like what functions call something of their own",
  (messages) => {
    const own = ["Request", "Chosen", "Pick", "mask"];
    // More globals than ts-proto's own code can do without.
    if (messages === "protobuf-es") own.push("Uint8Array", "Map", "Buffer");
    const declarations = own.map(
      (name) => `message ${name} {
        google.protobuf.FieldMask m = 1 [(fieldmask.option.Option).out = {gen: true, message: "${name}"}];
        google.protobuf.FieldMask n = 2 [(fieldmask.option.Option).in = {gen: true, resource: "held"}];
        ${name} held = 3; bytes data = 4; map<string, bytes> map = 5;
      }`,
    );
    using workspace = new Workspace({
      "own/v1/own.proto": `syntax = "proto3"; package own.v1;
        import "fieldmask/option.proto"; import "google/protobuf/field_mask.proto";
        ${declarations.join("\n")}`,
    });
    const generate = messages === "ts-proto" ? workspace.generate() : workspace.generateEs();
    expect(generate).toEqual({ status: 0, stdout: "", stderr: "" });
    const compiled = compile(workspace, ["gen/own/v1/own_fieldmask.ts"]);
    expect(compiled).toEqual({ status: 0, stdout: "", stderr: "" });
  },
  120_000,
);

test("with M, ts-proto and the plugin import messages from the same modules", () => {
  const base = (name: string): string =>
    `syntax = "proto3"; package ${name}; message ${name}Thing { string id = 1; }`;
  using workspace = new Workspace({
    "a/a.proto": base("A"),
    "b/b.proto": base("B"),
    "uses/v1/uses.proto": `syntax = "proto3"; package uses.v1; import "a/a.proto"; import "b/b.proto";
      import "fieldmask/option.proto"; import "google/protobuf/field_mask.proto";
      message Req {
        A.AThing a = 1; B.BThing b = 2;
        google.protobuf.FieldMask a_mask = 3 [(fieldmask.option.Option).out = {gen: true, message: "A.AThing"}];
        google.protobuf.FieldMask b_mask = 4 [(fieldmask.option.Option).out = {gen: true, message: "B.BThing"}];
      }`,
  });
  const generated = workspace.generate([...shape, "Ma/a.proto=@corp/a", "Mb/b.proto=./elsewhere/b"]);
  expect(generated).toEqual({ status: 0, stdout: "", stderr: "" });
  const importsIn = (file: string): string[] =>
    workspace.read(file).match(/(?<=\b[AB]Thing \} from ).*/g) ?? [];
  const imports = ['"@corp/a";', '"../../elsewhere/b";'];
  expect(importsIn("gen/uses/v1/uses.ts")).toEqual(imports);
  expect(importsIn("gen/uses/v1/uses_fieldmask.ts")).toEqual(imports);
}, 120_000);
