// Masks come from callers that nobody vouches for. Beyond these bounds a path is refused by validation, and selects
// nothing in a lenient mask, so that work and memory stay in proportion to the bytes received.

/** Paths in one mask. */
export const MAX_PATHS = 10_000;

/** Segments in one path. A message nested deeper than 100 levels is refused by most decoders anyway. */
export const MAX_SEGMENTS = 256;

/** Messages, list elements and map entries that one compiled mask goes into; each costs a slot per field. */
export const MAX_TREES = 10_000;

/** Steps that comparing sets of paths may take: with `*` and keys at many places, few paths can mean many comparisons. */
export const MAX_STEPS = 500_000;
