/** The code blocks of a README, so that what a user copies is what is tried. */
export function codeBlocks(readme: string): string[] {
  return [...readme.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, code]) => code!);
}

/** Those whose first line is a comment with a file's name, by that name: `# buf.yaml`, `// src/main.ts`. */
export function namedBlocks(readme: string): Map<string, string> {
  const named = codeBlocks(readme).flatMap((code) => {
    const name = /^(?:#|\/\/) ([\w./-]+\.\w+)\n/.exec(code)?.[1];
    return name === undefined ? [] : [[name, code] as const];
  });
  return new Map(named);
}
