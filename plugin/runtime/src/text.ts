// Texts of others: in which order they stand, and how much of one is repeated.

/** A text for people, cut behind so many characters: a hostile one is not worth repeating whole. */
export function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** The beginning of a text, between quotes. */
export function quote(text: string): string {
  return JSON.stringify(shorten(text, 64));
}

/** For `sort`. As UTF-8 compares, and so as code points do: a surrogate pair comes after all of the first 65,536. */
export function compareText(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Surrogates, D800 to DFFF, move behind E000 to FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
