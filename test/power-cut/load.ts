/** Hands jobs to a relay whose disk is recorded, and puts what a caller sees into the record. */
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import type { Observer } from "../support/disk/disk-log.ts";
import { createRelayClient } from "../support/relay-client.ts";
import type { RelayClient } from "../support/relay-client.ts";
import { until } from "../support/relay.ts";
import type { Target } from "../support/target.ts";
import { startTarget } from "../support/target.ts";
import { batchOf, fateOf, idOf, jobOf } from "./jobs.ts";

/** What a client has seen; from then on it must stay so. */
export type Observation =
  | { readonly acknowledged: readonly string[] }
  /** Jobs in terminal states, each with the number of the state in the API. */
  | { readonly ended: readonly (readonly [id: string, state: JobState])[] };

const terminal: ReadonlySet<JobState> = new Set([
  JobState.JOB_STATE_SUCCEEDED,
  JobState.JOB_STATE_FAILED,
  JobState.JOB_STATE_CANCELLED,
]);

/** A target for the jobs: it refuses those that shall fail. */
export function startJobTarget(): Promise<Target> {
  return startTarget(({ url }) => (url.startsWith("/refused/") ? 404 : 200));
}

export interface LoadOptions {
  readonly address: string;
  readonly targetUrl: string;
  readonly observer: Observer;
  /** Ids begin with it. */
  readonly series: string;
}

/** Some callers, each with a connection of its own, so that several workers have work. */
export class Load implements Disposable {
  readonly #options: LoadOptions;
  readonly #clients: RelayClient[];
  #next = 0;

  constructor(options: LoadOptions, callers = 6) {
    this.#options = options;
    this.#clients = Array.from({ length: callers }, () => createRelayClient(options.address));
  }

  /** Hands `count` jobs (or batches) over; rejects if one is refused. */
  async enqueue(count: number): Promise<void> {
    const end = this.#next + count;
    await Promise.all(
      this.#clients.map(async (client) => {
        while (this.#next < end) await this.#enqueueNext(client);
      }),
    );
  }

  /** Hands jobs over until it is aborted, whatever happens to single calls. */
  async enqueueUntil(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#clients.map(async (_, caller) => {
        while (!signal.aborted) {
          try {
            await this.#enqueueNext(this.#clients[caller]!);
          } catch {
            // The worker behind this connection may be gone.
            this.#clients[caller]!.close();
            this.#clients[caller] = createRelayClient(this.#options.address);
          }
        }
      }),
    );
  }

  /** Waits until all jobs have ended that do not wait for tomorrow, and observes that. */
  async ended(): Promise<void> {
    const client = this.#clients[0]!;
    const seen = new Map<string, JobState>();
    await until(async () => {
      let pageToken = "";
      let open = 0;
      do {
        const readMask = ["name", "state"];
        const page = await client.listJobs({ pageSize: 1000, pageToken, readMask });
        for (const { name, state } of page.jobs) {
          const id = name.slice("jobs/".length);
          if (terminal.has(state)) seen.set(id, state);
          else if (fateOf(id) !== "later" && fateOf(id) !== "cancelled") open++;
        }
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      return open === 0;
    });
    this.#options.observer.observe({ ended: [...seen] } satisfies Observation);
  }

  async #enqueueNext(client: RelayClient): Promise<void> {
    const { series, targetUrl, observer } = this.#options;
    const id = idOf(series, this.#next++);
    const fate = fateOf(id);
    if (fate === "batch") {
      const ids = batchOf(id);
      const requests = ids.map((jobId) => ({ jobId, job: jobOf(jobId, targetUrl) }));
      await client.batchEnqueue({ requests });
      observer.observe({ acknowledged: ids } satisfies Observation);
      return;
    }
    await client.enqueue({ jobId: id, job: jobOf(id, targetUrl) });
    observer.observe({ acknowledged: [id] } satisfies Observation);
    if (fate === "cancelled") {
      const { state } = await client.cancelJob({ name: `jobs/${id}` });
      observer.observe({ ended: [[id, state]] } satisfies Observation);
    }
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close();
  }
}
