// The plugin's parameters: its own, and those of ts-proto that decide what ts-proto's messages look like, under the
// same names and with the same defaults. A shape that the printer cannot write yet is refused here: an error at
// generate time is better than code that is wrong.

import { GenerateError } from "./generate-error.ts";

/** What ts-proto's output looks like, as far as it matters here. */
export interface Shape {
  readonly snakeToCamelKeys: boolean;
  readonly useJsonName: boolean;
  readonly useSnakeTypeName: boolean;
  /** How a 64-bit zero is written. */
  readonly long: "number" | "bigint" | "string";
  readonly bytes: "Buffer" | "Uint8Array";
  /** Date, or the message Timestamp. */
  readonly timestampAsDate: boolean;
  readonly fileSuffix: string;
  readonly importSuffix: string;
}

/** All parameters, checked. */
export interface Parameters {
  readonly shape: Shape;
  /** How often a path type may go into messages that contain themselves. */
  readonly pathDepth: number;
}

interface Rule {
  readonly default: string;
  /** The values that are supported. Absent: any. */
  readonly values?: readonly string[];
}

const flagOff: Rule = { default: "false", values: ["false"] };

/** The parameters that matter. The default is ts-proto's, supported or not. */
const rules: Record<string, Rule> = {
  pathDepth: { default: "5", values: ["1", "2", "3", "4", "5", "6", "7", "8", "9"] },

  oneof: { default: "properties", values: ["unions"] },
  useOptionals: { default: "none", values: ["none", "false", "messages", "true"] },
  useMapType: { default: "false", values: ["true"] },
  forceLong: { default: "number", values: ["number", "bigint", "string"] },
  useDate: { default: "date", values: ["date", "true", "timestamp", "false"] },
  useDuration: { default: "duration", values: ["duration"] },
  env: { default: "both", values: ["node", "browser", "both"] },
  snakeToCamel: { default: "true", values: ["true", "false", "keys", "json", "keys_json", "json_keys"] },
  useJsonName: { default: "false", values: ["true", "false"] },
  useSnakeTypeName: { default: "true", values: ["true", "false"] },
  fileSuffix: { default: "" },
  importSuffix: { default: "" },

  bigIntLiteral: { default: "true", values: ["true"] },
  disableProto2Optionals: flagOff,
  enumPrefix: { default: "", values: [""] },
  enumSuffix: { default: "", values: [""] },
  messagePrefix: { default: "", values: [""] },
  messageSuffix: { default: "", values: [""] },
  nestJs: flagOff,
  noDefaultsForOptionals: flagOff,
  outputTypeAnnotations: flagOff,
  outputTypeRegistry: flagOff,
  stringEnums: flagOff,
  typePrefix: { default: "", values: [""] },
  typeSuffix: { default: "", values: [""] },
  unknownFields: flagOff,
  useJsTypeOverride: flagOff,
  useJsonWireFormat: flagOff,
  useMongoObjectId: flagOff,
  useNullAsOptional: flagOff,
  usePrototypeForDefaults: flagOff,
  useReadonlyTypes: flagOff,
};

/** Parameters of ts-proto that change nothing here, so that both plugins can be given one and the same list. */
const neutral = new Set([
  "addGrpcMetadata",
  "annotateFilesWithVersion",
  "anyType",
  "comments",
  "constEnums",
  "emitDefaultValues",
  "emitImportedFiles",
  "enumsAsLiterals",
  "esModuleInterop",
  "exportCommonSymbols",
  "globalThisPolyfill",
  "initializeFieldsAsUndefined",
  "lowerCaseServiceMethods",
  "metadataType",
  "onlyTypes",
  "outputClientImpl",
  "outputDecodeIncludeTypes",
  "outputEncodeIncludeTypes",
  "outputEncodeMethods",
  "outputExtensions",
  "outputIndex",
  "outputJsonMethods",
  "outputPartialMethods",
  "outputSchema",
  "outputServices",
  "protoJsonFormat",
  "removeEnumPrefix",
  "returnObservable",
  "rpcAfterResponse",
  "rpcBeforeRequest",
  "rpcErrorHandler",
  "unrecognizedEnum",
  "unrecognizedEnumName",
  "unrecognizedEnumValue",
  "useAbortSignal",
  "useAsyncIterable",
  "useExactTypes",
  "useJsonTimestamp",
  "useNumericEnumForJson",
  "useUnknownForValue",
]);

/** Checks everything that protoplugin does not know itself. Throws a GenerateError that names every wrong one. */
export function parseParameters(raw: readonly { key: string; value: string }[]): Parameters {
  const given = new Map<string, string>();
  const problems: string[] = [];
  for (const { key, value } of raw) {
    if (neutral.has(key)) continue;
    if (!Object.hasOwn(rules, key)) problems.push(`unknown option ${key}=${value}`);
    else given.set(key, value);
  }
  for (const [key, rule] of Object.entries(rules)) {
    const value = given.get(key) ?? rule.default;
    if (rule.values === undefined || rule.values.includes(value)) continue;
    const source = given.has(key) ? "" : " (ts-proto's default)";
    problems.push(
      `${key}=${value}${source} is not supported; supported: ${rule.values.map((v) => `${key}=${v}`).join(", ")}`,
    );
  }
  if (problems.length > 0) throw new GenerateError(problems.join("\n"));

  const value = (key: string): string => given.get(key) ?? rules[key]?.default ?? "";
  return {
    pathDepth: Number(value("pathDepth")),
    shape: {
      snakeToCamelKeys: value("snakeToCamel") === "true" || value("snakeToCamel").includes("keys"),
      useJsonName: value("useJsonName") === "true",
      useSnakeTypeName: value("useSnakeTypeName") === "true",
      long: value("forceLong") as Shape["long"],
      bytes: value("env") === "node" ? "Buffer" : "Uint8Array",
      timestampAsDate: ["date", "true"].includes(value("useDate")),
      fileSuffix: value("fileSuffix"),
      importSuffix: value("importSuffix"),
    },
  };
}
