// The plugin's parameters: its own, and those of ts-proto that decide what ts-proto's messages look like, under the
// same names and with the same defaults. A shape that the printer cannot write yet is refused here: an error at
// generate time is better than code that is wrong.

import { GenerateError } from "./generate-error.ts";

/** What the messages look like, as far as it matters here. All but the first is said by the options of ts-proto. */
export interface Shape {
  /** Whose messages they are. */
  readonly messages: "ts-proto" | "protobuf-es";
  readonly snakeToCamelKeys: boolean;
  readonly useJsonName: boolean;
  readonly useSnakeTypeName: boolean;
  readonly useMapType: boolean;
  readonly oneof: "properties" | "unions" | "unions-value";
  readonly long: "number" | "bigint" | "string" | "long";
  readonly bytes: "Buffer" | "Uint8Array";
  /** How a Timestamp is held: as a value, of which texts have milliseconds or nanoseconds, or as the message. */
  readonly timestamp: "Date" | "string" | "string-nano" | "Temporal.Instant" | "message";
  /** Whether messages can be encoded. */
  readonly encodes: boolean;
  readonly fileSuffix: string;
  readonly importSuffix: string;
  /** Modules that hold the messages of other files (ts-proto's M), by the names of those files. */
  readonly modules: ReadonlyMap<string, string>;
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

  messages: { default: "ts-proto", values: ["ts-proto", "protobuf-es"] },

  oneof: { default: "properties", values: ["properties", "unions", "unions-value"] },
  useOptionals: { default: "none", values: ["none", "false", "messages", "true", "all"] },
  useMapType: { default: "false", values: ["true", "false"] },
  forceLong: { default: "number", values: ["number", "bigint", "string", "long", "true"] },
  useDate: {
    default: "date",
    values: ["date", "true", "string", "string-nano", "temporal", "timestamp", "false"],
  },
  env: { default: "both", values: ["node", "browser", "both"] },
  esModuleInterop: { default: "false", values: ["true", "false"] },
  snakeToCamel: { default: "true", values: ["true", "false", "", "keys", "json", "keys_json", "json_keys"] },
  useJsonName: { default: "false", values: ["true", "false"] },
  useSnakeTypeName: { default: "true", values: ["true", "false"] },
  outputEncodeMethods: {
    default: "true",
    values: ["true", "false", "encode-only", "decode-only", "encode-no-creation"],
  },
  onlyTypes: { default: "false", values: ["true", "false"] },
  fileSuffix: { default: "" },
  importSuffix: { default: "" },

  bigIntLiteral: { default: "true", values: ["true"] },
  enumPrefix: { default: "", values: [""] },
  enumSuffix: { default: "", values: [""] },
  messagePrefix: { default: "", values: [""] },
  messageSuffix: { default: "", values: [""] },
  nestJs: flagOff,
  noDefaultsForOptionals: flagOff,
  outputTypeAnnotations: { default: "false", values: ["false", "static-only"] },
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
  "addNestjsRestParameter",
  "annotateFilesWithVersion",
  "anyType",
  "comments",
  "constEnums",
  "context",
  // proto2 is refused in any case.
  "disableProto2DefaultValues",
  "disableProto2Optionals",
  "emitDefaultValues",
  "emitImportedFiles",
  "enumsAsLiterals",
  "exportCommonSymbols",
  "globalThisPolyfill",
  "initializeFieldsAsUndefined",
  "lowerCaseServiceMethods",
  "metadataType",
  "outputClientImpl",
  "outputDecodeIncludeTypes",
  "outputEncodeIncludeTypes",
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
  "useContextDataloaders",
  // Only for the JSON: the messages of ts-proto 2.18 hold a Duration either way.
  "useDuration",
  "useExactTypes",
  "useJsonTimestamp",
  "useNestjsFqnServiceName",
  "useNumericEnumForJson",
  "useUnknownForValue",
]);

const timestamps: Readonly<Record<string, Shape["timestamp"]>> = {
  date: "Date",
  true: "Date",
  string: "string",
  "string-nano": "string-nano",
  temporal: "Temporal.Instant",
};

/** Checks everything that protoplugin does not know itself. Throws a GenerateError that names every wrong one. */
export function parseParameters(raw: readonly { key: string; value: string }[]): Parameters {
  const given = new Map<string, string>();
  const modules = new Map<string, string>();
  const problems: string[] = [];
  for (const { key, value } of raw) {
    if (neutral.has(key)) continue;
    if (/^M./.test(key)) modules.set(key.slice(1), value);
    else if (!Object.hasOwn(rules, key)) problems.push(`unknown option ${key}=${value}`);
    // ts-proto makes a list of the two values, which is neither.
    else if (given.has(key)) problems.push(`${key} is given twice: ${given.get(key)} and ${value}`);
    else given.set(key, value);
  }
  const value = (key: string): string => given.get(key) ?? rules[key]?.default ?? "";
  for (const [key, rule] of Object.entries(rules)) {
    if (rule.values === undefined || rule.values.includes(value(key))) continue;
    problems.push(
      `${key}=${value(key)} is not supported; supported: ${rule.values.map((v) => `${key}=${v}`).join(", ")}`,
    );
  }
  const long = value("forceLong") === "true" ? "long" : (value("forceLong") as Shape["long"]);
  if (value("messages") === "ts-proto" && long === "long" && value("esModuleInterop") === "false") {
    problems.push(
      'forceLong=long is not supported without esModuleInterop=true: ts-proto then writes `import Long = require("long")`, ' +
        "which is no ES module and cannot be stripped of its types",
    );
  }
  if (problems.length > 0) throw new GenerateError(problems.join("\n"));

  return {
    pathDepth: Number(value("pathDepth")),
    shape: {
      snakeToCamelKeys: value("snakeToCamel") === "true" || value("snakeToCamel").includes("keys"),
      useJsonName: value("useJsonName") === "true",
      useSnakeTypeName: value("useSnakeTypeName") === "true",
      messages: value("messages") as Shape["messages"],
      useMapType: value("useMapType") === "true",
      oneof: value("oneof") as Shape["oneof"],
      long,
      bytes: value("env") === "node" ? "Buffer" : "Uint8Array",
      timestamp: timestamps[value("useDate")] ?? "message",
      encodes: value("outputEncodeMethods") === "true" && value("onlyTypes") !== "true",
      fileSuffix: value("fileSuffix"),
      importSuffix: value("importSuffix"),
      modules,
    },
  };
}
