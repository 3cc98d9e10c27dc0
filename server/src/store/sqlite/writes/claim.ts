import type { FinishResult } from "../../store.ts";
import { stateNumber } from "../rows.ts";
import type { ClaimedRow } from "../rows.ts";
import type { WriteOperation, WriteResults } from "./operations.ts";
import { settleStages } from "./stage.ts";
import type { Transaction } from "./transaction.ts";

const DISPATCHING = stateNumber("DISPATCHING");
const EXPIRED = stateNumber("EXPIRED");

/** More jobs are not expired or put off in one claim, so that no transaction grows without bound; the next one goes on. */
const maxPassed = 1000;

/**
 * So many are read at a time, and no more once their bodies have so many bytes: what is claimed stands in the memory of
 * the worker. The next claim goes on.
 */
const rowsAtOnce = 16;
const maxBodyBytes = 8 * 1024 * 1024;

/** More are not counted: no worker claims so many at a time. */
const maxCounted = 500;

export function claim(
  transaction: Transaction,
  { worker, limit, now }: Extract<WriteOperation, { kind: "claim" }>,
): WriteResults["claim"] {
  const { sql, waiting } = transaction;
  const rows: ClaimedRow[] = [];
  let passed = 0;
  let bodyBytes = 0;
  const mayGoOn = (): boolean => rows.length < limit && passed < maxPassed && bodyBytes < maxBodyBytes;
  settleStages(transaction);
  for (const priority of transaction.isRegistered(worker) ? waiting.priorities() : []) {
    // Those that are passed over make room for others, so ask again until the level is empty or enough are claimed.
    while (mayGoOn()) {
      const due = sql.due.all(
        priority,
        now,
        Math.min(rowsAtOnce, limit - rows.length),
      ) as unknown as ClaimedRow[];
      if (due.length === 0) break;
      for (const row of due) {
        const { key, expireTime } = row;
        if (expireTime !== null && expireTime <= now && row.attemptCount === 0) {
          transaction.countEnd();
          passed++;
          sql.end.run(EXPIRED, now, now, ++transaction.revision, key);
          continue;
        }
        const blockedUntil = transaction.blockedUntil(row.url, now);
        if (blockedUntil > 0) {
          passed++;
          // When it expires it is looked at once more.
          const waitsUntil =
            row.attemptCount === 0 ? Math.min(blockedUntil, expireTime ?? blockedUntil) : blockedUntil;
          sql.defer.run(waitsUntil, now, ++transaction.revision, key);
        } else {
          sql.claim.run(worker, DISPATCHING, now, ++transaction.revision, key);
          rows.push(row);
          bodyBytes += row.body?.length ?? 0;
        }
      }
    }
  }
  waiting.forget();
  const { dueTime } = waiting;
  return {
    rows,
    nextDueTime: dueTime === Number.POSITIVE_INFINITY ? null : Math.max(0, dueTime),
    dueLeft: dueTime <= now ? countDue(transaction, now) : null,
  };
}

function countDue({ sql, waiting }: Transaction, now: number): number {
  // What is not settled yet is due for all that is known.
  let count = sql.isClosedStageLeft.get() === undefined ? 0 : maxCounted;
  for (const priority of waiting.priorities()) {
    if (count >= maxCounted) break;
    count += sql.countDue.get(priority, now, maxCounted - count)!["count"] as number;
  }
  return count;
}

export function begin(
  { sql }: Transaction,
  { worker, key, attempt }: Extract<WriteOperation, { kind: "begin" }>,
): FinishResult {
  const { changes } = sql.begin.run(attempt, key, worker, attempt, DISPATCHING);
  return changes === 1 ? "recorded" : "stale";
}
