/** Lines on stderr, the first one marked as ours. */
export function printError(lines: readonly string[]): void {
  process.stderr.write(`fieldpost: ${lines.join("\n")}\n`);
}
