/** What reflection has to tell, taken from the compiled protos. */
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, getOption } from "@bufbuild/protobuf";
import type { DescMessage } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const registry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    readFileSync(new URL("../../server/src/gen/descriptors.binpb", import.meta.url)),
  ),
);

export const services = [...registry].filter((type) => type.kind === "service");
export const messages = [...registry].filter((type) => type.kind === "message");
export const enums = [...registry].filter((type) => type.kind === "enum");

const methods = services.flatMap((service) => service.methods);
const http = registry.getExtension("google.api.http")!;

interface HttpRule {
  readonly pattern: { readonly case?: string; readonly value?: string };
}

/** Full name: names of request and answer, path in JSON. */
export const signatures = Object.fromEntries(
  methods.map((method) => {
    const { pattern } = getOption(method, http) as HttpRule;
    const name = `${method.parent.typeName}.${method.name}`;
    return [name, [method.input.typeName, method.output.typeName, pattern.value ?? null]];
  }),
);

/** By full name, the fields of each message that stands in a call or in an error's details; maps have entries. */
export function reachableMessages(): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  const details = ["BadRequest", "ErrorInfo", "RetryInfo"].map((name) =>
    registry.getMessage(`google.rpc.${name}`)!,
  );
  const left: DescMessage[] = [...methods.flatMap(({ input, output }) => [input, output]), ...details];
  for (const message of left) {
    if (message.typeName in found) continue;
    found[message.typeName] = message.fields.map(({ name }) => name);
    for (const field of message.fields) {
      if (field.fieldKind === "map") found[entryOf(message, field.name)] = ["key", "value"];
      if ("message" in field && field.message !== undefined) left.push(field.message);
    }
  }
  return found;
}

/** `labels` → `LabelsEntry`, as the protobuf language names it. */
function entryOf(message: DescMessage, field: string): string {
  const camel = field.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return `${message.typeName}.${camel}Entry`;
}
