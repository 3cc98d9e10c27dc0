// Remembers the masks that a server is asked with thousands of times a second. Two generations instead of an order of
// use: a hit costs one lookup, and what was not asked for during a whole generation is dropped. Only small masks are
// kept, so that distinct masks sent on purpose cost some megabytes at the most.

import type { Mask } from "./tree.ts";

const GENERATION = 128;
const MAX_KEPT_PATHS = 32;
const MAX_KEPT_LENGTH = 512;

/** Masks by their paths. */
export class MaskCache {
  #young = new Map<string, Mask>();
  #old = new Map<string, Mask>();

  get(key: string): Mask | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, mask: Mask): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, mask);
  }

  /** How many masks are held. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}

/**
 * The key of a mask, or undefined if it is too large to be worth keeping. The lengths make it unambiguous: a path may
 * hold any character, so a mere separator would let `["a,b"]` pass for `["a", "b"]`.
 */
export function cacheKey(paths: readonly string[]): string | undefined {
  if (paths.length > MAX_KEPT_PATHS) return undefined;
  let key = "";
  for (const path of paths) {
    key += `${path.length}:${path}`;
    if (key.length > MAX_KEPT_LENGTH) return undefined;
  }
  return key;
}
