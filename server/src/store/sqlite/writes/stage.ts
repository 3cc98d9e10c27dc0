/**
 * Batches that come in pieces, so that no transaction is long: nobody sees their jobs until one small change makes the
 * batch whole. After that they are settled among those that wait, piece by piece, by whoever claims.
 */
import type { WriteOperation, WriteResults } from "./operations.ts";
import type { Transaction } from "./transaction.ts";

type Operation<Kind> = Extract<WriteOperation, { kind: Kind }>;

const GIVEN_UP = 2;

/** In one claim. A few milliseconds. */
const maxSettled = 250;

/** What stands in the column `worker` of a stage's jobs. */
export function workerOfStage(stage: number): number {
  return -1 - stage;
}

export function openStage(
  transaction: Transaction,
  { worker, count, maxDepth }: Operation<"open-stage">,
): WriteResults["open-stage"] {
  const { depth } = transaction;
  if (depth + count > maxDepth) return { kind: "full", depth, limit: maxDepth };
  transaction.depth += count;
  const { lastInsertRowid } = transaction.sql.openStage.run(worker, count);
  return { kind: "opened", stage: Number(lastInsertRowid) };
}

export function publishStage(
  transaction: Transaction,
  { stage, stored }: Operation<"publish-stage">,
): WriteResults["publish-stage"] {
  const row = transaction.sql.publishStage.get(stage);
  if (row === undefined) return false;
  transaction.depth -= (row["reserved"] as number) - stored;
  transaction.waiting.forget();
  return true;
}

/** One that is whole stays so. */
export function discardStage(transaction: Transaction, stage: number): undefined {
  const row = transaction.sql.discardStage.get(stage);
  if (row !== undefined) transaction.depth -= row["reserved"] as number;
}

/**
 * What stands in the way of an insert: a job, if it is there for all to see or comes in with this very stage; a job that
 * another batch brings, which may yet come to nothing; or none any more, if that batch was given up.
 */
export function findObstacle(
  transaction: Transaction,
  key: number,
  stage: number,
): "job" | "under-way" | undefined {
  const hiding = transaction.sql.hidingStage.get(key);
  if (hiding === undefined || hiding["number"] === stage) return "job";
  if (hiding["state"] !== GIVEN_UP) return "under-way";
  takeAway(transaction, key);
  return undefined;
}

/** As if it had never come. */
function takeAway({ sql }: Transaction, key: number): void {
  for (const statement of [sql.deleteJob, sql.deleteSpec, sql.deleteRequest]) statement.run(key);
}

/** Brings some jobs of the oldest batch that is whole to their place, or takes some of one away that was given up. */
export function settleStages(transaction: Transaction): void {
  const { sql } = transaction;
  const stage = sql.firstClosedStage.get();
  if (stage === undefined) return;
  const number = stage["number"] as number;
  const jobs = sql.stagedJobs.all(workerOfStage(number), maxSettled);
  for (const { key } of jobs) {
    if (stage["state"] === GIVEN_UP) takeAway(transaction, key as number);
    else sql.settleJob.run(++transaction.revision, key!);
  }
  if (jobs.length < maxSettled) sql.forgetStage.run(number);
  transaction.waiting.forget();
}
