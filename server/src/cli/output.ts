/** What people see: text that cannot take over their terminal, in columns. */

/** C0 and C1 controls, DEL, and the marks that turn the direction of text around. */
// oxlint-disable-next-line no-control-regex -- controls are what it looks for
const unsafe = /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** `text` with everything escaped that a terminal would obey; responses of targets are printed too. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** `text` cut to `width` characters. */
export function shortened(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

/** Rows in columns as wide as their widest cell, or wider where `widths` (which is updated) says so already. */
export function inColumns(rows: readonly (readonly string[])[], widths: number[] = []): string {
  for (const row of rows) {
    for (const [i, text] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, text.length);
  }
  return rows
    .map((row) => row.map((text, i) => text.padEnd(widths[i]!)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

/** `1 job`, `2 jobs`, `1,000 jobs` */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
