/** How long a slice may take before other work has its turn, milliseconds. */
const sliceMs = 2;
/** Between two looks at the clock. */
const stretch = 32;

/** Runs `work` for each item, in order; other work of the event loop has its turn between two slices. */
export async function inSlices<T>(
  items: readonly T[],
  work: (item: T, index: number) => void,
): Promise<void> {
  let sliceStart = performance.now();
  for (const [index, item] of items.entries()) {
    work(item, index);
    if (index % stretch !== stretch - 1 || performance.now() - sliceStart < sliceMs) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    sliceStart = performance.now();
  }
}
