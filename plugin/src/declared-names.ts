// The names that a generated file declares, all of them made of names in the proto. Two that are equal would be code that
// does not compile, or worse, so messages get out of the way, and masks, whose names people write, are refused.

import type { DescField } from "@bufbuild/protobuf";
import { GenerateError } from "./generate-error.ts";

/** What is declared for one side of a mask. */
export function maskNames(name: string): string[] {
  const verbs = ["parse", "compile", "validate", "with", "apply"];
  return [`${name}Path`, `${lowerFirst(name)}Field`, ...verbs.map((verb) => verb + name)];
}

/** What is declared for a message; `unions` are the properties of its oneofs. */
export function messageNames(localName: string, unions: readonly string[]): string[] {
  const verbs = ["mask", "filter", "prune", "update", "merge", "diff", "encode", "keep"];
  const kinds = ["Schema", "Definition"].map((kind) => lowerFirst(localName) + kind);
  const types = ["Path", "PathInUpdate", "Places"].map((kind) => localName + kind);
  const keeps = unions.map((union) => `keep${localName}_${union}`);
  return [...types, ...kinds, ...verbs.map((verb) => verb + localName), `filter${localName}Bytes`, ...keeps];
}

/** Throws a GenerateError if two masks have a name in common. */
export function requireDistinctMasks(masks: readonly { field: DescField; names: readonly string[] }[]): void {
  const owners = new Map<string, DescField>();
  for (const { field, names } of masks) {
    for (const name of names.flatMap(maskNames)) {
      const owner = owners.get(name);
      if (owner !== undefined) {
        const [first, second] = [owner, field].map(({ parent, name }) => `${parent?.typeName}.${name}`);
        throw new GenerateError(
          `${field.parent.file.name}.proto: ${first} and ${second} would both be ${name} in the generated code; rename one`,
        );
      }
    }
    for (const name of names.flatMap(maskNames)) owners.set(name, field);
  }
}

export function lowerFirst(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}
