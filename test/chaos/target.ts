/** The target of a kill proof, a process: has each request on disk before it answers. The URL says how to answer. */
import { childOptions } from "../bench/child.ts";
import { startTarget } from "../support/target.ts";
import { monotonicMs, openJournal } from "./journal.ts";
import type { RequestEntry } from "./journal.ts";
import { hashBody } from "./load.ts";

export interface TargetOptions {
  /** Path of the journal of requests. */
  readonly requests: string;
}
export interface TargetReady {
  readonly url: string;
}

const options = childOptions<TargetOptions>();
const journal = openJournal<RequestEntry>(options.requests);
const target = await startTarget((request) => {
  const { pathname, searchParams } = new URL(request.url, "http://target");
  const attempt = Number(String(request.headers["fieldpost-attempt"]).split("/")[0]);
  const last = Number(searchParams.get("status") ?? 200);
  const isCut = attempt <= Number(searchParams.get("cut"));
  const status = isCut ? 0 : attempt <= Number(searchParams.get("refuse")) ? 503 : last;
  const entry = {
    id: pathname.slice(1),
    attempt,
    idempotencyKey: String(request.headers["idempotency-key"]),
    bodyHash: hashBody(request.body),
    status,
    time: monotonicMs(),
  };
  const delayMs = status === 200 ? Number(searchParams.get("delay")) : 0;
  const answer = (): void => (isCut ? request.cut() : request.answer(status));
  void journal.appendSynced(entry).then(() => {
    if (delayMs === 0) answer();
    else setTimeout(answer, delayMs);
  });
  return undefined;
});
process.send!({ url: target.url } satisfies TargetReady);
