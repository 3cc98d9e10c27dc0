/** What the client of a kill proof asks of jobs that are there: CancelJob, RetryJob, DeleteJob, and BulkRetryJobs. */
import { status as codes } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { setTimeout as sleep } from "node:timers/promises";
import type { RelayClient } from "../support/relay-client.ts";
import { monotonicMs } from "./journal.ts";
import type { CallEntry, ChangeKind, JobEntry, Journal } from "./journal.ts";
import type { PlannedCall, PlannedChange } from "./load.ts";
import { readJob, stateName } from "./read-jobs.ts";
import { isTerminal } from "./settled.ts";

export interface ChangesOfJob {
  readonly id: string;
  readonly changes: readonly PlannedChange[];
}

/** With these the relay says that it changed nothing. */
const refusals: ReadonlySet<codes> = new Set([
  codes.FAILED_PRECONDITION,
  codes.ABORTED,
  codes.NOT_FOUND,
  codes.RESOURCE_EXHAUSTED,
]);

/** One after the other, up to one that is cut off. @returns that one and those after it, now without a wait; undefined if none was */
export async function changeJob(
  client: RelayClient,
  journal: Journal<CallEntry>,
  { id, changes }: ChangesOfJob,
): Promise<ChangesOfJob | undefined> {
  for (const [index, { change, afterMs }] of changes.entries()) {
    await sleep(afterMs);
    if (await makeChange(client, journal, id, change)) continue;
    return { id, changes: changes.slice(index).map((left) => ({ ...left, afterMs: 0 })) };
  }
  return undefined;
}

/** @returns false if it was cut off: then it has taken effect or not */
async function makeChange(
  client: RelayClient,
  journal: Journal<CallEntry>,
  id: string,
  change: ChangeKind,
): Promise<boolean> {
  let isBegun = false;
  try {
    const read = change === "cancel" ? undefined : await readJob(client, id);
    if (read !== undefined && !isReadyFor(change, read.seen)) return true;
    journal.append({ kind: "change-begun", change, id, seen: read?.seen });
    isBegun = true;
    const state = await ask(client, change, { name: `jobs/${id}`, etag: read?.etag ?? "" });
    const times = { time: monotonicMs(), wallTime: Date.now() };
    await journal.appendSynced({ kind: "change-answered", change, id, state, ...times });
    return true;
  } catch (error) {
    const { code } = error as ServiceError;
    if (codes[code] === undefined) throw error;
    if (!refusals.has(code)) return false;
    if (isBegun) journal.append({ kind: "change-refused", change, id, code: codes[code] });
    return true;
  }
}

/** A job is deleted when all is known of it, so that it can be judged all the same. */
function isReadyFor(change: ChangeKind, { state, attempts, attemptCount }: JobEntry): boolean {
  if (change === "retry") return state !== "SUCCEEDED" && (isTerminal(state) || state === "HELD");
  return isTerminal(state) && attempts.length === attemptCount;
}

/** @returns the state in the answer; of a delete, undefined */
async function ask(
  client: RelayClient,
  change: ChangeKind,
  request: { readonly name: string; readonly etag: string },
): Promise<string | undefined> {
  if (change === "delete") {
    await client.deleteJob(request);
    return undefined;
  }
  const { state } = await (change === "cancel" ? client.cancelJob(request) : client.retryJob(request));
  return stateName(state);
}

/** Begins new runs of those jobs of a batch that have FAILED by then. */
export async function retryFailedOf(
  client: RelayClient,
  journal: Journal<CallEntry>,
  { call, bulkRetryMs }: PlannedCall,
): Promise<void> {
  if (bulkRetryMs === undefined) return;
  await sleep(bulkRetryMs);
  journal.append({ kind: "bulk-retry-begun", call });
  try {
    const { count } = await client.bulkRetryJobs({ filter: `state = FAILED AND name = jobs/${call}-*` });
    await journal.appendSynced({ kind: "bulk-retry-answered", call, count: Number(count) });
  } catch (error) {
    // Cut off: then some have a new run, or all, or none.
    if (codes[(error as ServiceError).code] === undefined) throw error;
  }
}
