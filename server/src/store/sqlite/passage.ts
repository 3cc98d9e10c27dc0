/** The column `passage` of an attempt: what is told of it and never asked for alone, as one text. */
import type { Attempt } from "../../job/job.ts";

/** Milliseconds from startTime on, and the addresses, bytes and Retry-After; null for what is not known. */
type PassageTuple = [
  due: number | null,
  claim: number | null,
  resolve: number | null,
  connect: number | null,
  tls: number | null,
  send: number | null,
  firstByte: number | null,
  local: string | null,
  remote: string | null,
  sentBytes: number | null,
  receivedBytes: number | null,
  retryAfter: number | null,
];

export function encodePassage({
  dueTime,
  claimTime,
  startTime,
  passage = {},
}: Pick<Attempt, "dueTime" | "claimTime" | "startTime" | "passage">): string {
  const after = (time: number | undefined): number | null => (time === undefined ? null : time - startTime);
  return JSON.stringify([
    after(dueTime),
    after(claimTime),
    after(passage.resolveTime),
    after(passage.connectTime),
    after(passage.tlsTime),
    after(passage.sendTime),
    after(passage.firstByteTime),
    passage.localAddress ?? null,
    passage.remoteAddress ?? null,
    passage.sentBytes ?? null,
    passage.receivedBytes ?? null,
    after(passage.retryAfterTime),
  ] satisfies PassageTuple);
}

export function decodePassage(
  text: string | null,
  startTime: number,
): Pick<Attempt, "dueTime" | "claimTime" | "passage"> {
  if (text === null) return { dueTime: undefined, claimTime: undefined, passage: undefined };
  const [due, claim, resolve, connect, tls, send, firstByte, local, remote, sent, received, retryAfter] =
    JSON.parse(text) as PassageTuple;
  const time = (after: number | null): number | undefined => (after === null ? undefined : startTime + after);
  return {
    dueTime: time(due),
    claimTime: time(claim),
    passage: {
      resolveTime: time(resolve),
      connectTime: time(connect),
      tlsTime: time(tls),
      sendTime: time(send),
      firstByteTime: time(firstByte),
      localAddress: local ?? undefined,
      remoteAddress: remote ?? undefined,
      sentBytes: sent ?? undefined,
      receivedBytes: received ?? undefined,
      retryAfterTime: time(retryAfter),
    },
  };
}
