// Which segments are keys of which map. AIP-161: string and integer keys only.

/** The key type of a map, as far as paths are concerned. */
export type MapKeyType = "string" | "int32" | "int64" | "uint32" | "uint64" | "bool";

const canonicalInteger = /^(?:0|-?[1-9][0-9]{0,19})$/;

const ranges = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

/** Says why a text is not a key of such a map, or undefined if it is one. One number has one spelling: decimal. */
export function keyProblem(type: MapKeyType, text: string): string | undefined {
  if (type === "string") return undefined;
  if (type === "bool") return "is an entry of a map with bool keys, which cannot be addressed";
  if (!canonicalInteger.test(text)) return `needs a decimal ${type} key`;
  const value = BigInt(text);
  const [least, most] = ranges[type];
  return value < least || value > most ? `has a key outside of ${type}` : undefined;
}
