/** What a file imports, read from its text: TypeScript, JavaScript and declarations alike. */
export interface ImportStatement {
  /** As it stands in the file: `./path.ts`, `node:fs`, `@grpc/grpc-js`. */
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

/** import … from "x", export … from "x", import("x"), import "x"; over several lines too. */
const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*(?:\/\*.*?\*\/\s*)?"([^"]+)"\s*\)/g;

export function readImports(source: string): ImportStatement[] {
  const text = source.replaceAll(/\/\*[\s\S]*?\*\//g, (comment) =>
    "\n".repeat(comment.split("\n").length - 1),
  );
  return [...text.matchAll(importPattern)].map((match) => {
    const names = match[0].match(/\{([^}]*)\}/)?.[1];
    const allTypes =
      names !== undefined &&
      names
        .split(",")
        .filter((name) => name.trim() !== "")
        .every((name) => name.trim().startsWith("type "));
    return {
      specifier: (match[2] ?? match[3])!,
      typeOnly: match[1] !== undefined || allTypes,
      line: text.slice(0, match.index).split("\n").length,
    };
  });
}

/** Of which package a module is part: `@grpc/grpc-js` of `@grpc/grpc-js/build/src`. Undefined for a file. */
export function packageOf(specifier: string): string | undefined {
  return /^(?:@[^/]+\/)?[^./][^/]*/.exec(specifier)?.[0];
}
