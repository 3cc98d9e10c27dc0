/** A scheduler on the store that delays and reorders, with a sender that the test controls and a clock that it turns. */
import { onTestFinished, vi } from "vitest";
import type { ClaimedJob, NewJob, Outcome } from "../../server/src/job/job.ts";
import { Scheduler } from "../../server/src/schedule/scheduler.ts";
import type { SchedulerOptions } from "../../server/src/schedule/scheduler.ts";
import type { Store } from "../../server/src/store/store.ts";
import { createLogger } from "../../server/src/telemetry/log.ts";
import { createMemoryDisk, openMemoryStore } from "../conformance/memory-store.ts";
import type { MemoryDisk } from "../conformance/memory-store.ts";
import { claimedFrom } from "../support/new-job.ts";

export const start = 1_700_000_000_000;

/** From here on time stands still unless the test moves it, also that of other clocks. The store's own turns go on. */
export function freezeTime(...others: readonly "performance"[]): void {
  vi.useFakeTimers({
    now: start,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", ...others],
  });
  onTestFinished(() => void vi.useRealTimers());
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Lets everything happen that can happen without time going on. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 60; turns++) await turn();
}

/** Time goes on, timer by timer; what each starts comes to its end before the next one. */
export async function pass(ms: number): Promise<void> {
  const end = Date.now() + ms;
  await settle();
  while (Date.now() < end) {
    vi.advanceTimersByTime(Math.min(10, end - Date.now()));
    await settle();
  }
}

export interface Sending {
  readonly job: ClaimedJob;
  end(outcome?: Partial<Outcome>): Promise<void>;
}

/** Remembers what is on its way until the test ends it. */
export class FakeSender {
  readonly sent: ClaimedJob[] = [];
  readonly underWay: Sending[] = [];
  most = 0;

  send(job: ClaimedJob): Promise<Outcome> {
    const startTime = Date.now();
    this.sent.push(job);
    return new Promise((resolve) => {
      const sending: Sending = {
        job,
        end: async (outcome = {}) => {
          this.underWay.splice(this.underWay.indexOf(sending), 1);
          resolve({
            ...{ result: "succeeded", retryable: false, startTime, endTime: Date.now() },
            ...{ error: undefined, response: undefined },
            ...outcome,
          });
          await settle();
        },
      };
      this.underWay.push(sending);
      this.most = Math.max(this.most, this.underWay.length);
    });
  }

  sending(id: string): Sending {
    const found = this.underWay.find(({ job }) => job.id === id);
    if (found === undefined)
      throw new Error(`${id} is not under way: ${this.underWay.map(({ job }) => job.id).join()}`);
    return found;
  }
}

/** Another attempt may do better. */
export const refused: Partial<Outcome> = {
  result: "not-sent",
  retryable: true,
  error: { reason: "CONN_REFUSED", message: "refused" },
};

export interface Setting {
  readonly store: Store;
  readonly sender: FakeSender;
  readonly scheduler: Scheduler;
  readonly worker: number;
  readonly wokenOthers: () => number;
  /** Told to the other workers. */
  readonly slowed: readonly string[];
  readonly storeFailures: unknown[];
  readonly log: string[];
  /** The scheduler's own: what it reads anew may be changed. */
  readonly options: { capacity: number };
  /** As the API does it: reserve, insert, hand over or announce. */
  enqueue(...jobs: NewJob[]): Promise<void>;
  stateOf(id: string): Promise<string | undefined>;
}

export async function setUp(
  options: Partial<SchedulerOptions> & {
    readonly seed?: number;
    readonly disk?: MemoryDisk;
    readonly wrap?: (store: Store) => Partial<Store>;
    readonly name?: string;
  } = {},
): Promise<Setting> {
  const { seed = 1, disk = createMemoryDisk(seed), wrap, name = "worker-1", ...rest } = options;
  const kept = openMemoryStore({ maxDepth: 10_000, seed, disk });
  onTestFinished(() => kept.close());
  const changed = wrap?.(kept) ?? {};
  const store = new Proxy(kept, {
    get: (_, method: keyof Store) =>
      changed[method] ?? (kept[method] as (...args: never) => unknown).bind(kept),
  });
  const worker = await kept.registerWorker({ name, now: Date.now(), leaseMs: 10_000 });
  const sender = new FakeSender();
  const log: string[] = [];
  const storeFailures: unknown[] = [];
  let woken = 0;
  const slowed: string[] = [];
  const schedulerOptions = {
    store,
    sender,
    worker: { number: worker, name },
    capacity: 3,
    clock: Date.now,
    settleClock: () => undefined,
    random: () => 0.5,
    log: createLogger({ level: "info", name: "test", destination: { write: (line) => void log.push(line) } }),
    wakeOthers: () => woken++,
    slowDownOthers: (origin: string) => void slowed.push(origin),
    onStoreFailed: (error: unknown) => void storeFailures.push(error),
    ...rest,
  };
  const scheduler = new Scheduler(schedulerOptions);
  return {
    ...{ store, sender, scheduler, worker, storeFailures, slowed, log, options: schedulerOptions },
    wokenOthers: () => woken,
    async enqueue(...jobs) {
      const now = Date.now();
      const reserved = scheduler.reserve(jobs.length);
      const claimed: ClaimedJob[] = [];
      try {
        const results = await store.insert(worker, jobs, now, { claimUpTo: reserved });
        for (const [index, result] of results.entries()) {
          const job = jobs[index]!;
          if (result.kind !== "stored") throw new Error(result.kind);
          if (result.claimed) claimed.push(claimedFrom(job, { key: result.key, now }));
          else scheduler.announce(job.scheduleTime ?? now);
        }
      } finally {
        scheduler.settle(reserved, claimed);
      }
    },
    async stateOf(id) {
      return (await kept.get(id, new Set()))?.state;
    },
  };
}
