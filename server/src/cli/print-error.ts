/** What is wrong with the way a command was called, one sentence each, and where its help is. */
export function printUsageErrors(problems: readonly string[], command: string): void {
  for (const [index, problem] of problems.entries()) {
    const last = index === problems.length - 1;
    printError(last ? [problem, `  see fieldpost help ${command}`] : [problem]);
  }
}

/** Lines on stderr, the first one marked as ours. */
export function printError(lines: readonly string[]): void {
  process.stderr.write(`fieldpost: ${lines.join("\n")}\n`);
}
