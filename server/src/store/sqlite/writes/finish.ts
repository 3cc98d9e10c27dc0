import type { FinishResult } from "../../store.ts";
import { stateNumber } from "../rows.ts";
import type { FinishedRow } from "../rows.ts";
import type { Transaction } from "./transaction.ts";

const QUEUED = stateNumber("QUEUED");
const DISPATCHING = stateNumber("DISPATCHING");

export function finish(transaction: Transaction, worker: number, finished: FinishedRow): FinishResult {
  const { sql } = transaction;
  const { key, attempt, next, nextAttemptTime, endTime } = finished;
  if (next === "RELEASED") return giveBack(transaction, worker, finished);
  const ended = next === "SUCCEEDED" || next === "FAILED";
  const { changes } = sql.finish.run(
    stateNumber(next),
    next === "HELD" ? -1 : next === "RETRYING" ? 0 : worker,
    nextAttemptTime ?? endTime,
    ended ? endTime : null,
    endTime,
    transaction.revision + 1,
    key,
    worker,
    attempt,
    DISPATCHING,
  );
  if (changes === 0) return finishCancelled(transaction, worker, finished);
  transaction.revision++;
  if (finished.slowOrigin !== null) transaction.slowDown(finished.slowOrigin, finished.slowUntil ?? 0);
  if (next === "RETRYING") transaction.waiting.forget();
  if (ended) transaction.countEnd();
  transaction.addAttempt(finished);
  return "recorded";
}

function giveBack(transaction: Transaction, worker: number, finished: FinishedRow): FinishResult {
  const { sql } = transaction;
  const { key, attempt, endTime: now, nextAttemptTime } = finished;
  const { changes } = sql.giveBack.run(
    QUEUED,
    nextAttemptTime ?? now,
    now,
    transaction.revision + 1,
    key,
    worker,
    attempt,
    DISPATCHING,
  );
  if (changes === 0) return finishCancelled(transaction, worker, finished);
  transaction.revision++;
  transaction.waiting.forget();
  return "recorded";
}

/** The end of an attempt whose job was cancelled meanwhile: the job stays as it is. */
function finishCancelled(transaction: Transaction, worker: number, finished: FinishedRow): FinishResult {
  const { sql } = transaction;
  const { key, attempt, endTime } = finished;
  if (sql.findCancelled.get(key, worker, attempt) === undefined) return "stale";
  sql.forgetCancelled.run(key);
  sql.touch.run(endTime, ++transaction.revision, key);
  transaction.addAttempt(finished);
  return "recorded";
}
