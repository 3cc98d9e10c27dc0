import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { answersTo } from "../../server/src/api/stream-answers.ts";
import type { StreamEnqueueResponse } from "../../server/src/gen/fieldpost/v1/relay.ts";

const answer: StreamEnqueueResponse = { ackedSequence: 1n, error: undefined };

/** A caller that takes an answer whenever `take` is called. */
function openCaller() {
  const taken: unknown[] = [];
  const waiting: (() => void)[] = [];
  const duplex = new Duplex({
    objectMode: true,
    writableHighWaterMark: 1,
    read() {},
    write(chunk, _encoding, done) {
      waiting.push(() => {
        taken.push(chunk);
        done();
      });
    },
  });
  const stream = Object.assign(duplex, { cancelled: false });
  return { stream, taken, take: () => waiting.shift()?.() };
}

test("answers are written no faster than they are read, and waiting for that leaves nothing behind", async () => {
  const { stream, taken, take } = openCaller();
  const answers = answersTo(stream);
  const listeners = (): number[] => ["drain", "cancelled", "close"].map((name) => stream.listenerCount(name));
  const before = listeners();
  for (let count = 1; count <= 50; count++) {
    const written = answers.write(answer);
    expect(taken).toHaveLength(count - 1);
    take();
    await written;
  }
  expect(listeners()).toEqual(before);
});

test.each(["cancelled", "close"])("a caller that is gone (%s) is waited for no longer", async (event) => {
  const { stream } = openCaller();
  const answers = answersTo(stream);
  const written = answers.write(answer);
  stream.cancelled = event === "cancelled";
  if (event === "close") stream.destroy();
  else stream.emit(event);
  await written;
  await answers.write(answer);
});
