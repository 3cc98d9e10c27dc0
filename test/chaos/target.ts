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
  const status = attempt <= Number(searchParams.get("refuse")) ? 503 : 200;
  const entry = {
    id: pathname.slice(1),
    attempt,
    idempotencyKey: String(request.headers["idempotency-key"]),
    bodyHash: hashBody(request.body),
    status,
    time: monotonicMs(),
  };
  const delayMs = status === 200 ? Number(searchParams.get("delay")) : 0;
  void journal.appendSynced(entry).then(() => {
    if (delayMs === 0) request.answer(status);
    else setTimeout(() => request.answer(status), delayMs);
  });
  return undefined;
});
process.send!({ url: target.url } satisfies TargetReady);
