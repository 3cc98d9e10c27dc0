import { UsageError } from "./client-command.ts";

/** The paths that `--mask` names, separated by commas; undefined where it was not given. */
export function pathsOf(mask: string | undefined): string[] | undefined {
  if (mask === undefined) return undefined;
  const paths = mask.split(",").map((path) => path.trim());
  if (paths.includes("")) throw new UsageError(`flag --mask: ${JSON.stringify(mask)} names an empty path`);
  return paths;
}
