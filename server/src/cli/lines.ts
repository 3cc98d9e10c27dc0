/** Lines of a stream, one at a time and never more in memory than one chunk and one line. */

/** Room for the JSON of the largest message that a relay takes by default, 32 MiB, in base64. */
export const maxLineBytes = 64 * 1024 * 1024;

export interface Line {
  /** 1 for the first. */
  readonly number: number;
  /** Without its line feed; undefined where it is longer than the limit. */
  readonly bytes: Buffer | undefined;
  /** How many bytes of the stream have been passed, with this line and its line feed. */
  readonly end: number;
}

/** Splits at LF; a last line needs none. Lines longer than `limit` bytes are skipped and say so. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, limit = maxLineBytes): AsyncGenerator<Line> {
  let number = 0;
  let position = 0;
  let parts: Buffer[] = [];
  let length = 0;

  function add(part: Buffer): void {
    length += part.length;
    // Beyond the limit only the length is still of interest.
    if (length > limit) parts = [];
    else if (part.length > 0) parts.push(part);
  }
  function take(end: number): Line {
    number += 1;
    const bytes = length > limit ? undefined : parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [];
    length = 0;
    return { number, bytes, end };
  }

  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      const feed = chunk.indexOf(0x0a, start);
      if (feed < 0) break;
      add(chunk.subarray(start, feed));
      start = feed + 1;
      yield take(position + start);
    }
    add(chunk.subarray(start));
    position += chunk.length;
  }
  if (length > 0) yield take(position);
}
