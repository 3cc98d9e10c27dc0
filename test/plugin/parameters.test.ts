// Which options of ts-proto the plugin follows, ignores and refuses. The list of all is that of the installed ts-proto.

import { defaultOptions } from "ts-proto/build/src/options.js";
import { describe, expect, test } from "vitest";
import { parseParameters } from "../../plugin/src/parameters.ts";

/** Parses `["oneof=unions"]`. */
function parse(...parameters: string[]) {
  const raw = parameters.map((parameter) => {
    const [key = "", ...rest] = parameter.split("=");
    return { key, value: rest.join("=") };
  });
  return parseParameters(raw);
}

test("every option of ts-proto is known", () => {
  const names = Object.keys(defaultOptions()).filter((name) => name !== "M");
  const unknown = names.filter((name) => {
    try {
      parse(`${name}=?`);
      return false;
    } catch (error) {
      return (error as Error).message.includes("unknown option");
    }
  });
  expect(names.length).toBeGreaterThan(70);
  expect(unknown).toEqual([]);
});

test("no option given is the same as every default of ts-proto given", () => {
  const defaults = [
    ...["oneof=properties", "useOptionals=none", "useMapType=false", "forceLong=number", "useDate=date"],
    ...["env=both", "snakeToCamel=keys_json", "useJsonName=false", "useSnakeTypeName=true", "fileSuffix="],
    ...[
      "importSuffix=",
      "esModuleInterop=false",
      "useDuration=duration",
      "bigIntLiteral=true",
      "pathDepth=5",
    ],
  ];
  expect(parse(...defaults)).toEqual(parse());
  expect(parse().shape).toEqual({
    messages: "ts-proto",
    snakeToCamelKeys: true,
    useJsonName: false,
    useSnakeTypeName: true,
    useMapType: false,
    oneof: "properties",
    long: "number",
    bytes: "Uint8Array",
    timestamp: "Date",
    encodes: true,
    fileSuffix: "",
    importSuffix: "",
    modules: new Map(),
  });
});

test.each([
  ["useOptionals=true", "useOptionals=messages"],
  ["useOptionals=false", "useOptionals=none"],
  ["useDate=true", "useDate=date"],
  ["useDate=false", "useDate=timestamp"],
  ["snakeToCamel=", "snakeToCamel=false"],
  ["snakeToCamel=json", "snakeToCamel=false"],
  ["snakeToCamel=json_keys", "snakeToCamel=true"],
  ["snakeToCamel=keys", "snakeToCamel=true"],
  ["env=browser", "env=both"],
  ["outputTypeAnnotations=static-only", "outputTypeAnnotations=false"],
])("%s gives the same messages as %s", (one, other) => {
  expect(parse(one)).toEqual(parse(other));
});

test("forceLong=true is forceLong=long", () => {
  expect(parse("forceLong=true", "esModuleInterop=true").shape.long).toBe("long");
  expect(parse("forceLong=long", "esModuleInterop=true").shape.long).toBe("long");
});

describe("what ts-proto would write differently is refused by name:", () => {
  test.each([
    ["useReadonlyTypes=true", "useReadonlyTypes=false"],
    ["useNullAsOptional=true", "useNullAsOptional=false"],
    ["unknownFields=true", "unknownFields=false"],
    ["stringEnums=true", "stringEnums=false"],
    ["useJsonWireFormat=true", "useJsonWireFormat=false"],
    ["usePrototypeForDefaults=true", "usePrototypeForDefaults=false"],
    ["noDefaultsForOptionals=true", "noDefaultsForOptionals=false"],
    ["useMongoObjectId=true", "useMongoObjectId=false"],
    ["useJsTypeOverride=true", "useJsTypeOverride=false"],
    ["nestJs=true", "nestJs=false"],
    ["outputTypeRegistry=true", "outputTypeRegistry=false"],
    ["outputTypeAnnotations=true", "outputTypeAnnotations=false, outputTypeAnnotations=static-only"],
    ["outputTypeAnnotations=optional", "outputTypeAnnotations=false, outputTypeAnnotations=static-only"],
    ["bigIntLiteral=false", "bigIntLiteral=true"],
    ["typePrefix=P", "typePrefix="],
    ["typeSuffix=S", "typeSuffix="],
    ["messagePrefix=P", "messagePrefix="],
    ["messageSuffix=S", "messageSuffix="],
    ["enumPrefix=P", "enumPrefix="],
    ["enumSuffix=S", "enumSuffix="],
    // Its messages do not pass tsc: unset messages, of a type without undefined.
    [
      "useOptionals=deprecatedOnly",
      "useOptionals=none, useOptionals=false, useOptionals=messages, useOptionals=true, useOptionals=all",
    ],
    ["oneof=groups", "oneof=properties, oneof=unions, oneof=unions-value"],
    ["useMapType=", "useMapType=true, useMapType=false"],
    ["env=deno", "env=node, env=browser, env=both"],
  ])("%s", (parameter, supported) => {
    expect(() => parse(parameter)).toThrow(`${parameter} is not supported; supported: ${supported}`);
  });

  test("forceLong=long without esModuleInterop=true", () => {
    const message = "forceLong=long is not supported without esModuleInterop=true";
    expect(() => parse("forceLong=long")).toThrow(message);
    expect(() => parse("forceLong=true", "esModuleInterop=false")).toThrow(message);
  });

  test("all that is wrong is said at once", () => {
    const message =
      "unknown option bogus=1\nuseReadonlyTypes=true is not supported; supported: useReadonlyTypes=false";
    expect(() => parse("bogus=1", "useReadonlyTypes=true")).toThrow(message);
  });
});

test("an option given twice is refused, unless it changes nothing here", () => {
  expect(() => parse("oneof=unions", "oneof=properties")).toThrow(
    "oneof is given twice: unions and properties",
  );
  expect(() => parse("oneof=unions", "oneof=unions")).toThrow("oneof is given twice");
  expect(() => parse("snakeToCamel=keys", "snakeToCamel=json")).toThrow("snakeToCamel is given twice");
  expect(parse("outputServices=nice-grpc", "outputServices=generic-definitions")).toEqual(parse());
});

test("M says in which module the messages of a file are", () => {
  const { modules } = parse("Mbase/base.proto=@corp/base", "Mmid/mid.proto=./elsewhere/mid").shape;
  expect([...modules]).toEqual([
    ["base/base.proto", "@corp/base"],
    ["mid/mid.proto", "./elsewhere/mid"],
  ]);
});
