/**
 * For tests that need more than a bare machine has: says by name what is skipped and why. In CI nothing may be lacking:
 * there it throws, and the test file fails.
 *
 * @returns the reason, for `describe.skipIf`
 */
export function lacking(what: string, why: string): string {
  const line = `skipped: ${what}: ${why}`;
  if (process.env["CI"] === "true") throw new Error(`${line}; in CI nothing is skipped`);
  process.stderr.write(`${line}\n`);
  return why;
}
