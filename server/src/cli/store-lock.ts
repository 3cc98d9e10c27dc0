import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * The file whose lock says that a relay serves this store: one at a time, under whatever name it was given. Undefined if
 * the store can be neither found nor made, which the workers will say.
 */
export function storeLockPath(store: string): string | undefined {
  try {
    const path = existsSync(store)
      ? realpathSync(store)
      : join(realpathSync(dirname(store)), basename(store));
    return `${path}-relay`;
  } catch {
    return undefined;
  }
}
