/** The value below which `share` of the sorted values lie; 0 of none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return 0;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

export interface Summary {
  min: number;
  median: number;
  max: number;
}

/** Of an even number of values, the median is the mean of the middle two. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return { min: sorted[0] ?? Number.NaN, median: (low + high) / 2, max: sorted.at(-1) ?? Number.NaN };
}

/** `count` events from `firstNs` to `lastNs`, per second. */
export function perSecond(count: number, firstNs: bigint, lastNs: bigint): number {
  return (count * 1e9) / Number(lastNs - firstNs);
}
