// The shapes of ts-proto's messages that the laws are tried on. All pairs of forceLong and useMapType are among them,
// since both decide how a map is held.

/** Options of ts-proto, by their names. */
export interface Shape {
  readonly forceLong: "number" | "bigint" | "string" | "long";
  readonly useMapType: boolean;
  readonly oneof: "properties" | "unions" | "unions-value";
  readonly useOptionals: "none" | "messages" | "all";
  readonly useDate: "date" | "string" | "timestamp";
  readonly env: "node" | "both";
}

/** One shape for every eighth schema. */
export const shapes: readonly Shape[] = [
  shape("number", true, "properties", "none", "date", "node"),
  shape("number", false, "unions", "messages", "timestamp", "both"),
  shape("bigint", true, "unions", "all", "date", "node"),
  shape("bigint", false, "unions-value", "messages", "timestamp", "both"),
  shape("string", true, "unions-value", "none", "string", "both"),
  shape("string", false, "properties", "all", "date", "node"),
  shape("long", true, "properties", "messages", "timestamp", "both"),
  shape("long", false, "unions", "none", "string", "node"),
];

function shape(
  forceLong: Shape["forceLong"],
  useMapType: boolean,
  oneof: Shape["oneof"],
  useOptionals: Shape["useOptionals"],
  useDate: Shape["useDate"],
  env: Shape["env"],
): Shape {
  return { forceLong, useMapType, oneof, useOptionals, useDate, env };
}

/** One that can hold whatever protobuf-es can. */
export const widest = shape("bigint", true, "unions", "none", "timestamp", "node");

/** A shape as both plugins are told it. */
export function shapeParameters(shape: Shape): string[] {
  const options = Object.entries(shape).map(([name, value]) => `${name}=${String(value)}`);
  return [...options, "importSuffix=.ts", "esModuleInterop=true"];
}
