/** From one insert of the contract to what the writing thread is asked for: one change, or a batch in pieces. */
import { RelayError } from "../../job/error.ts";
import type { NewJob } from "../../job/job.ts";
import { maxClaimingJobs } from "../store.ts";
import type { InsertOptions, InsertResult } from "../store.ts";
import { toRow } from "./rows.ts";
import type { WriteOperation, WriteResults } from "./writes/operations.ts";

/** Gives an operation to the writing thread. */
export type Write = <O extends WriteOperation>(operation: O) => Promise<WriteResults[O["kind"]]>;

interface Terms extends InsertOptions {
  readonly worker: number;
  readonly now: number;
  readonly maxDepth: number;
}

/**
 * So many jobs go in one transaction; more that must be stored all or none come in pieces, and claim nothing. A piece
 * takes about as long as an fsync on a usual disk, and that is how much longer calls beside it wait.
 */
const maxPiece = maxClaimingJobs;

/** What may be over the next time. */
const passing: ReadonlySet<string> = new Set(["STORE_BUSY", "STORE_ERROR", "STORE_DISK_FULL"]);
/** After an error of the store, so much later a stage that is given up is given up once more. */
const retryMs = 250;

export async function insertJobs(
  write: Write,
  { each = false, ...terms }: Terms,
  jobs: readonly NewJob[],
): Promise<readonly InsertResult[]> {
  if (!each && jobs.length > maxPiece) {
    const results = await insertInPieces(write, terms, jobs);
    if (results !== undefined) return results;
  }
  return (await write({ kind: "insert", ...terms, each, stage: 0, jobs: jobs.map(toRow) }))!;
}

/** @returns undefined if there is no room for all of them. Some may be known, and then fewer places are enough. */
async function insertInPieces(
  write: Write,
  { worker, now, maxDepth }: Omit<Terms, "each">,
  jobs: readonly NewJob[],
): Promise<readonly InsertResult[] | undefined> {
  const opened = await write({ kind: "open-stage", worker, count: jobs.length, maxDepth });
  if (opened.kind === "full") return undefined;
  const { stage } = opened;
  try {
    const results: InsertResult[] = [];
    for (let at = 0; at < jobs.length; at += maxPiece) {
      const piece = jobs.slice(at, at + maxPiece);
      const terms = { worker, now, maxDepth, claimUpTo: 0, each: false, stage };
      const stored = await write({ kind: "insert", ...terms, jobs: piece.map(toRow) });
      if (stored === undefined) throw givenUp();
      const [first] = stored;
      if (stored.length < piece.length || (first !== undefined && isRefusal(first))) {
        await discard(write, stage);
        return stored.map((result) =>
          result.kind === "request-id-reused" ? { ...result, index: result.index + at } : result,
        );
      }
      results.push(...stored);
    }
    const stored = results.filter(({ kind }) => kind === "stored").length;
    if (!(await write({ kind: "publish-stage", stage, stored }))) throw givenUp();
    return results;
  } catch (error) {
    void discard(write, stage);
    throw error;
  }
}

function isRefusal({ kind }: InsertResult): boolean {
  return kind !== "stored" && kind !== "repeated" && kind !== "duplicate";
}

function givenUp(): RelayError {
  const message = "this worker was declared lost while a batch came in; nothing was stored";
  return new RelayError("UNAVAILABLE", message, { reason: "WORKER_LOST", retryDelayMs: 1000 });
}

/** One that is whole stays so. A worker that ends leaves it to those that take its place. */
async function discard(write: Write, stage: number): Promise<void> {
  for (;;) {
    try {
      await write({ kind: "discard-stage", stage });
      return;
    } catch (error) {
      if (!(error instanceof RelayError) || !passing.has(error.reason)) return;
      await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
    }
  }
}
