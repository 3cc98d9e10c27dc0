// Finds the message that a name in an option means, by protobuf's scoping rules: the innermost scope that knows the
// first part of the name decides; only what the file imports can be seen.

import type { DescFile, DescMessage } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { GenerateError } from "./generate-error.ts";

/** The message named `name`, seen from inside `owner`. Throws a GenerateError if there is none. */
export function resolveMessage(name: string, owner: DescMessage, allFiles: readonly DescFile[]): DescMessage {
  if (name === "") throw new GenerateError("out.message is empty");
  const visible = visibleFiles(owner.file);
  const fullName = name.startsWith(".") ? name.slice(1) : findInScopes(name, owner.typeName, visible);
  const found = fullName === undefined ? undefined : findType(fullName, visible);
  if (found?.kind === "message") return found;
  if (found !== undefined)
    throw new GenerateError(`out.message "${name}" is the ${found.kind} ${found.typeName}, not a message`);

  const hidden = findInScopes(
    name.replace(/^\./, ""),
    name.startsWith(".") ? "" : owner.typeName,
    new Set(allFiles),
  );
  const hiddenFile = hidden === undefined ? undefined : findType(hidden, new Set(allFiles))?.file;
  const hint =
    hiddenFile === undefined || visible.has(hiddenFile)
      ? ""
      : `; ${hidden} is in ${hiddenFile.name}.proto, which is not imported`;
  throw new GenerateError(`out.message "${name}" is not found${hint}`);
}

/** The full name that a relative name stands for, looking outward from `scope`. */
function findInScopes(name: string, scope: string, files: ReadonlySet<DescFile>): string | undefined {
  const [first = name] = name.split(".");
  for (let at = scope; ; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    const prefix = at === "" ? "" : `${at}.`;
    if (first === name) {
      if (findType(name === "" ? "" : prefix + name, files) !== undefined) return prefix + name;
    } else if (isScope(prefix + first, files)) {
      // As in protoc, the search ends at the scope that knows the first part, whether or not the rest is there.
      return prefix + name;
    }
    if (at === "") return undefined;
  }
}

/** What protoc calls an aggregate: names can stand behind it. */
function isScope(name: string, files: ReadonlySet<DescFile>): boolean {
  for (const file of files) {
    if (`${file.proto.package}.`.startsWith(`${name}.`)) return true;
    if (file.services.some(({ typeName }) => typeName === name)) return true;
  }
  return findType(name, files) !== undefined;
}

function findType(fullName: string, files: ReadonlySet<DescFile>) {
  for (const file of files) {
    for (const type of nestedTypes(file)) {
      if ((type.kind === "message" || type.kind === "enum") && type.typeName === fullName) return type;
    }
  }
  return undefined;
}

/** The file itself, what it imports, and what those pass on by `import public`. */
function visibleFiles(file: DescFile): Set<DescFile> {
  const visible = new Set([file]);
  const add = (dependency: DescFile): void => {
    if (visible.has(dependency)) return;
    visible.add(dependency);
    for (const index of dependency.proto.publicDependency) {
      const name = dependency.proto.dependency[index];
      const passedOn = dependency.dependencies.find((candidate) => `${candidate.name}.proto` === name);
      if (passedOn !== undefined) add(passedOn);
    }
  };
  file.dependencies.forEach(add);
  return visible;
}
