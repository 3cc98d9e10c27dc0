/** What a kill proof reads of the relay's jobs. */
import { setTimeout as sleep } from "node:timers/promises";
import { status as codes } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { Job } from "../../server/src/gen/fieldpost/v1/job.ts";
import { reasonOf, resultNames } from "../journeys/setting.ts";
import type { RelayClient } from "../support/relay-client.ts";
import type { JobEntry } from "./journal.ts";

const lookAgainMs = 50;

const stateNames: ReadonlyMap<number, string> = new Map(
  Object.entries(JobState).map(([name, value]) => [value, name.replace("JOB_STATE_", "")]),
);

/** As in the proto, without JOB_STATE_. */
export function stateName(state: JobState): string {
  return stateNames.get(state) ?? String(state);
}

/** Of a resource name. */
export function idOf(name: string): string {
  return name.slice("jobs/".length);
}

/** Waits until each of these jobs has ended, is held or is not there, or the time is up; the relay tells nobody, so it is asked. */
export async function awaitEnds(client: RelayClient, ids: Iterable<string>, deadline: number): Promise<void> {
  for (const id of ids) {
    while (!(await isSettled(client, id))) {
      if (performance.now() > deadline) return;
      await sleep(lookAgainMs);
    }
  }
}

async function isSettled(client: RelayClient, id: string): Promise<boolean> {
  try {
    const readMask = ["finish_time", "state"];
    const { finishTime, state } = await client.getJob({ name: `jobs/${id}`, readMask });
    return finishTime !== undefined || state === JobState.JOB_STATE_HELD;
  } catch (error) {
    if ((error as ServiceError).code === codes.NOT_FOUND) return true;
    throw error;
  }
}

const readMask = ["name", "uid", "etag", "state", "run_count", "attempt_count", "finish_time", "attempts"];

/** One job, and the etag of what was read. */
export async function readJob(
  client: RelayClient,
  id: string,
): Promise<{ readonly seen: JobEntry; readonly etag: string }> {
  const job = await client.getJob({ name: `jobs/${id}`, readMask });
  return { seen: toEntry(job), etag: job.etag };
}

/** Newest first, up to the first that is none of those asked for. */
export async function readJobs(client: RelayClient, isWanted: (id: string) => boolean): Promise<JobEntry[]> {
  const found: JobEntry[] = [];
  let pageToken = "";
  do {
    const { jobs, nextPageToken } = await client.listJobs({ pageSize: 1000, readMask, pageToken });
    for (const job of jobs) {
      const entry = toEntry(job);
      if (!isWanted(entry.id)) return found;
      found.push(entry);
    }
    pageToken = nextPageToken;
  } while (pageToken !== "");
  return found;
}

function toEntry({ name, uid, state, runCount, attemptCount, finishTime, attempts }: Job): JobEntry {
  return {
    id: idOf(name),
    uid,
    state: stateName(state),
    runCount,
    attemptCount,
    finishTime: finishTime?.getTime(),
    attempts: attempts.map(({ number, result, httpStatus, startTime, error, worker }) => ({
      number,
      result: resultNames.get(result) ?? String(result),
      httpStatus,
      startTime: startTime?.getTime(),
      reason: reasonOf(error),
      worker,
    })),
  };
}
