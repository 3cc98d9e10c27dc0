/** How long a slice may take before other work has its turn, milliseconds. */
const sliceMs = 2;
/** Between two looks at the clock. */
const stretch = 32;

/** Runs `work` for each item, in order; other work of the event loop has its turn between two slices. */
export async function inSlices<T>(items: Iterable<T>, work: (item: T, index: number) => void): Promise<void> {
  let sliceStart = performance.now();
  let index = 0;
  for (const item of items) {
    work(item, index++);
    if (index % stretch !== 0 || performance.now() - sliceStart < sliceMs) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    sliceStart = performance.now();
  }
}

/**
 * Items that are made one by one as they are asked for, and again when they are asked for again, so that those of a large
 * batch need not all be in memory at once. An array is one.
 */
export interface Sequence<T> extends Iterable<T> {
  readonly length: number;
}

/** @param make from an item of `items` and its index */
export function mapSequence<T, U>(items: readonly T[], make: (item: T, index: number) => U): Sequence<U> {
  return {
    length: items.length,
    *[Symbol.iterator]() {
      for (const [index, item] of items.entries()) yield make(item, index);
    },
  };
}
