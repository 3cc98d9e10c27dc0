/** What is kept of jobs that have ended, and no longer: their responses, and they themselves. */
import type { SweepResult } from "../../store.ts";
import type { WriteOperation } from "./operations.ts";
import { remove, requestMemoryMs } from "./end.ts";
import type { Transaction } from "./transaction.ts";

/** Takes away at most `limit` of each kind, the oldest first. */
export function sweep(
  transaction: Transaction,
  { now, endedBefore, maxEnded, respondedBefore, limit }: Extract<WriteOperation, { kind: "sweep" }>,
): SweepResult {
  const { sql } = transaction;
  const ahead = readAhead(transaction, now);
  const tooOld = [
    ...sql.endedByAge.all(endedBefore - ahead.jobs, limit),
    ...sql.endedByOwnAge.all(now - ahead.jobs, limit),
  ].slice(0, limit);
  for (const row of tooOld) remove(transaction, row["key"] as number, row["create_time"] as number, now);
  const tooMany = Math.min(limit - tooOld.length, Math.max(0, transaction.ended - maxEnded));
  const crowd = tooMany > 0 ? sql.oldestEnded.all({ $limit: tooMany }) : [];
  for (const row of crowd) remove(transaction, row["key"] as number, row["create_time"] as number, now);
  const jobs = tooOld.length + crowd.length;
  const responses = dropResponses(transaction, respondedBefore - ahead.jobs, limit);
  const requests = Number(sql.forgetRequests.run(now - ahead.requests, limit).changes);
  return { jobs, more: [jobs, responses, requests].includes(limit) };
}

/**
 * How much of what the clock says is due to jumps ahead, for jobs and for request_ids: only as long as there are any that
 * the jumps could shorten.
 */
function readAhead({ sql }: Transaction, now: number): { readonly jobs: number; readonly requests: number } {
  const noted = sql.readTime.get();
  const ahead = (noted?.["ahead"] ?? 0) as number;
  if (ahead === 0) return { jobs: 0, requests: 0 };
  const since = noted!["ahead_since"] as number;
  const firstEnd = sql.firstEnd.get()!["time"] as number | null;
  const jobs = firstEnd !== null && firstEnd < since ? ahead : 0;
  const requests = now <= since + requestMemoryMs ? ahead : 0;
  if (jobs + requests === 0) sql.writeAhead.run(0, 0);
  return { jobs, requests };
}

/** In the order in which jobs ended; how far it came is kept, so that none is looked at twice. */
function dropResponses({ sql }: Transaction, before: number, limit: number): number {
  const from = sql.readSwept.get()!;
  const { swept_time: $time, swept_key: $key } = from;
  const ended = sql.endedAfter.all({ $time: $time!, $key: $key!, $before: before, $limit: limit });
  for (const row of ended) sql.dropResponses.run(row["key"]!);
  const last = ended.at(-1);
  if (last !== undefined) sql.writeSwept.run(last["finish_time"]!, last["key"]!);
  return ended.length;
}
