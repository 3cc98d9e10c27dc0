// Remembers the masks that a server is asked with thousands of times a second. Two generations instead of an order of
// use: a hit costs one lookup, and what was not asked for during a whole generation is dropped. Only small masks are
// kept, so that distinct masks sent on purpose cost some megabytes at the most.

import type { FieldNames } from "./field-names.ts";
import type { Mask } from "./tree.ts";

const GENERATION = 128;
const MAX_KEPT_PATHS = 32;
const MAX_KEPT_LENGTH = 512;
// Few letters can lead deep into messages of many fields: this is some tens of kilobytes.
const MAX_KEPT_SLOTS = 4096;

/** A mask, and what its key does not tell: where the paths end. */
interface Kept {
  readonly lengths: readonly number[];
  readonly mask: Mask;
}

/** Masks by their paths, and by the kind of names in them. */
export class MaskCache {
  #young = new Map<string, Kept>();
  #old = new Map<string, Kept>();

  /** The mask of exactly these paths, if it is remembered. */
  get(paths: readonly string[], names: FieldNames): Mask | undefined {
    const key = cacheKey(paths, names);
    if (key === undefined) return undefined;
    let kept = this.#young.get(key);
    if (kept === undefined) {
      kept = this.#old.get(key);
      if (kept !== undefined) this.#put(key, kept);
    }
    return kept !== undefined && endAlike(paths, kept.lengths) ? kept.mask : undefined;
  }

  /** Remembers a mask, unless it is too large to be worth keeping. `slots`: see Compiled. */
  set(paths: readonly string[], names: FieldNames, mask: Mask, slots: number): void {
    const key = slots > MAX_KEPT_SLOTS ? undefined : cacheKey(paths, names);
    if (key !== undefined) this.#put(key, { lengths: paths.map(({ length }) => length), mask });
  }

  /** How many masks are held. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #put(key: string, kept: Kept): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, kept);
  }
}

/**
 * A text for the paths, undefined if they are too large, or none. Joining is fast, but `["a,b"]` gives the same text as
 * `["a", "b"]`: together with the lengths of the paths it is unambiguous.
 */
function cacheKey(paths: readonly string[], names: FieldNames): string | undefined {
  if (paths.length > MAX_KEPT_PATHS) return undefined;
  for (const path of paths) if (typeof path !== "string") return undefined;
  const text = paths.join(",");
  if (text.length > MAX_KEPT_LENGTH) return undefined;
  return names === "proto" ? text : names + text;
}

function endAlike(paths: readonly string[], lengths: readonly number[]): boolean {
  if (paths.length !== lengths.length) return false;
  for (let i = 0; i < lengths.length; i++) if (paths[i]?.length !== lengths[i]) return false;
  return true;
}
