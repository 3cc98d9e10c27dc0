// The rows of shapes.test.ts: options of ts-proto that decide what its messages look like, every two of them together.

import { coverPairs } from "./pairwise.ts";
import type { Options, Row } from "./pairwise.ts";

/** What both plugins are told. The first value of each is ts-proto's default, but for those that Node needs. */
export const options: Options = {
  oneof: ["properties", "unions", "unions-value"],
  useOptionals: ["none", "messages", "all"],
  snakeToCamel: ["true", "false", "keys", "json"],
  useJsonName: ["false", "true"],
  useMapType: ["false", "true"],
  forceLong: ["number", "long", "bigint", "string"],
  useDate: ["date", "string", "timestamp", "string-nano", "temporal"],
  useDuration: ["duration", "string"],
  env: ["both", "node", "browser"],
  esModuleInterop: ["true", "false"],
  importSuffix: ["", ".js", ".ts"],
  useSnakeTypeName: ["true", "false"],
  fileSuffix: ["", "_pb"],
  enumsAsLiterals: ["true", "false"],
  initializeFieldsAsUndefined: ["true", "false"],
  useUnknownForValue: ["false", "true"],
};

/** True for what the plugin refuses. */
export function isRefused(row: Row): boolean {
  const requiresImport = row["forceLong"] === "long" && row["esModuleInterop"] === "false";
  const union = row["oneof"] === "unions" || row["oneof"] === "unions-value";
  const protoNames = row["snakeToCamel"] === "false" || row["snakeToCamel"] === "json";
  return requiresImport || (union && protoNames && row["useJsonName"] === "true");
}

/** True if ts-proto itself does not hold what it was given: it takes `constructor` from Object and forgets zeros in wrappers. */
function losesFields(row: Row): boolean {
  return row["useOptionals"] === "all" && row["initializeFieldsAsUndefined"] === "false";
}

export const isLeftOut = (row: Row): boolean => isRefused(row) || losesFields(row);

export const rows: readonly Row[] = coverPairs(options, (row) => !isLeftOut(row));

/** As in buf.gen.yaml. */
export function parametersOf(row: Row): string[] {
  return Object.entries(row).map(([name, value]) => `${name}=${value}`);
}

/** True if Node runs what ts-proto writes as it is, by stripping types. */
export function isErasable(row: Row): boolean {
  return row["importSuffix"] === ".ts" && row["enumsAsLiterals"] === "true";
}
