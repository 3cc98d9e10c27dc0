import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linesOf } from "../../server/src/cli/lines.ts";

async function linesIn(chunks: readonly Buffer[], limit?: number) {
  const lines = [];
  for await (const line of linesOf(
    (async function* () {
      yield* chunks;
    })(),
    limit,
  ))
    lines.push(line);
  return lines;
}

describe("lines of a stream", () => {
  it("are the same however the stream is cut into chunks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("a", "bc", "\n", "\n\n", "ü")),
        fc.infiniteStream(fc.nat(3)),
        async (parts, cuts) => {
          const whole = Buffer.from(parts.join(""));
          const chunks = [];
          for (let i = 0; i < whole.length;) {
            const size = cuts.next().value + 1;
            chunks.push(whole.subarray(i, i + size));
            i += size;
          }
          const lines = await linesIn(chunks);
          const expected = whole.toString().split("\n");
          if (expected.at(-1) === "") expected.pop();
          expect(lines.map(({ bytes }) => bytes!.toString())).toEqual(expected);
          expect(lines.map(({ number }) => number)).toEqual(expected.map((_, i) => i + 1));
          expect(lines.at(-1)?.end ?? 0).toBe(whole.length);
        },
      ),
    );
  });

  it("are skipped, not kept, when they are too long", async () => {
    const lines = await linesIn([Buffer.from("abc\nabcd\nab"), Buffer.from("cdef"), Buffer.from("\nx")], 3);
    expect(lines.map(({ bytes }) => bytes?.toString())).toEqual(["abc", undefined, undefined, "x"]);
    expect(lines.map(({ end }) => end)).toEqual([4, 9, 16, 17]);
  });
});
