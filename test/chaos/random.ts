/** Chance that a seed reproduces: the same text gives the same numbers, on any machine. */
import { createHash } from "node:crypto";

/** From 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

export function createRandom(seed: string): Random {
  let count = 0;
  return () => createHash("sha256").update(`${seed}/${count++}`).digest().readUIntBE(0, 6) / 2 ** 48;
}

/** A whole number, both ends included. */
export function between(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}
