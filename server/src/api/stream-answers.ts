/** The answers of an RPC with a stream both ways: no faster than the caller reads them. */
import type { Writable } from "node:stream";
import type { Answers } from "./stream-enqueue.ts";

/** A write to a caller that is gone is over at once. */
export function answersTo(
  stream: Pick<Writable, "destroyed" | "write" | "on"> & { readonly cancelled: boolean },
): Answers {
  const waiting: (() => void)[] = [];
  const goOn = (): void => waiting.splice(0).forEach((resolve) => resolve());
  for (const event of ["drain", "cancelled", "close"]) stream.on(event, goOn);
  return {
    async write(response) {
      if (stream.cancelled || stream.destroyed || stream.write(response)) return;
      await new Promise<void>((resolve) => void waiting.push(resolve));
    },
  };
}
