/**
 * The candidate that `word` most likely was meant to be, or undefined where none is near. What all of them begin with
 * (`FIELDPOST_`) does not count: it would make everything near to everything.
 */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const skipped = sharedPrefix([word, ...candidates]);
  const rest = word.slice(skipped);
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(rest.length / 4)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(rest, candidate.slice(skipped));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** How many characters all of them begin with. */
function sharedPrefix([first = "", ...others]: readonly string[]): number {
  let length = 0;
  while (length < first.length && others.every((other) => other[length] === first[length])) length++;
  return length;
}

/** Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}
