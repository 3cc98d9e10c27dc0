/**
 * What a kill proof is judged by: files of one JSON object a line. The client writes what it was answered, the target
 * what reached it, and the judge reads nothing else.
 */
import { closeSync, fdatasync, openSync, readSync, writeSync } from "node:fs";

/** What is killed: the whole process group, one worker, the supervisor alone, or all workers of one that lives. */
export const killKinds = ["group", "worker", "supervisor", "workers"] as const;
/** What is stopped (SIGSTOP): one worker, for good; or it and its supervisor for longer than a lease, then they go on. */
export const stopKinds = ["stop", "pause"] as const;
/** A kill every half second, for long. */
export type KillKind = (typeof killKinds)[number] | (typeof stopKinds)[number] | "storm";

/** Of a job that is not simply delivered in the end. */
export type Fate =
  /** The target refuses it for good: it FAILED. */
  | "refused"
  /** With ambiguity_policy FAIL and one attempt: it FAILED where the outcome is unknown. At most once. */
  | "fail"
  /** The same with HOLD: then it is HELD. */
  | "hold"
  /** Due when it has nearly expired: it may be EXPIRED. */
  | "expires";

export interface PlannedJob {
  readonly id: string;
  readonly bodyHash: string;
  readonly fate?: Fate | undefined;
  readonly dedupKey?: string | undefined;
}

/** What is asked of a job that is there. */
export type ChangeKind = "cancel" | "retry" | "delete";

/** Of the client. A call has one job, or several if it is a batch. A change that was cut off has no end. */
export type CallEntry =
  | {
      readonly kind: "begun";
      readonly call: string;
      readonly jobs: readonly PlannedJob[];
    }
  /** The relay said that the jobs are on disk: it answered, or called the id of a repeated call taken. Synced. */
  | {
      readonly kind: "acknowledged";
      readonly call: string;
      /** Milliseconds since the epoch, as the relay's times are. */
      readonly wallTime: number;
      /** The answer names this other job, which has the dedup_key. */
      readonly duplicateOf?: { readonly id: string; readonly uid: string } | undefined;
    }
  /** No answer came, or another one. */
  | { readonly kind: "failed"; readonly call: string; readonly code: string }
  | {
      readonly kind: "change-begun";
      readonly change: ChangeKind;
      readonly id: string;
      /** Of a retry and a delete, which ask for what was read just before: the etag is that one's. */
      readonly seen?: JobEntry | undefined;
    }
  /** Synced. */
  | {
      readonly kind: "change-answered";
      readonly change: ChangeKind;
      readonly id: string;
      /** Of the job in the answer; a delete has none. */
      readonly state?: string | undefined;
      readonly time: number;
      readonly wallTime: number;
    }
  /** The relay said that it changed nothing. */
  | {
      readonly kind: "change-refused";
      readonly change: ChangeKind;
      readonly id: string;
      readonly code: string;
    }
  /** BulkRetryJobs of the jobs of a call that FAILED, and how many it restarted. The answer is synced. */
  | { readonly kind: "bulk-retry-begun"; readonly call: string }
  | { readonly kind: "bulk-retry-answered"; readonly call: string; readonly count: number }
  /** At this moment, and with this to lose, the kill was sent. */
  | {
      readonly kind: "killed";
      readonly round: number;
      readonly victim: KillKind;
      readonly undelivered: number;
      readonly unanswered: number;
      readonly time: number;
    };

/** Of the target: one request that arrived whole. Synced before it is answered. */
export interface RequestEntry {
  readonly id: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly bodyHash: string;
  /** What it was answered, or would have been; 0 if its connection was cut instead. */
  readonly status: number;
  readonly time: number;
}

/** What the relay said of a job, when the round was over or before a change. Times are milliseconds since the epoch. */
export interface JobEntry {
  readonly id: string;
  readonly uid: string;
  /** As in the proto, without JOB_STATE_. */
  readonly state: string;
  readonly runCount: number;
  readonly attemptCount: number;
  readonly finishTime?: number | undefined;
  readonly attempts: readonly {
    readonly number: number;
    /** As in the proto, without ATTEMPT_RESULT_. */
    readonly result: string;
    readonly httpStatus: number;
    readonly startTime?: number | undefined;
    readonly reason?: string | undefined;
    readonly worker: string;
  }[];
}

/** Milliseconds of the one clock that all processes of a machine share and that nobody sets (CLOCK_MONOTONIC). */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export interface Journal<Entry> {
  append(entry: Entry): void;
  /** Resolves when it is on disk; those that wait at the same moment share a sync, and go on in their order. */
  appendSynced(entry: Entry): Promise<void>;
  close(): void;
}

export function openJournal<Entry>(path: string): Journal<Entry> {
  const file = openSync(path, "a");
  let waiting: (() => void)[] = [];
  let syncing = false;
  const append = (entry: Entry): void => {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    if (writeSync(file, line) !== line.length) throw new Error(`${path}: a line was written in part`);
  };
  const sync = (): void => {
    syncing = true;
    const synced = waiting;
    waiting = [];
    fdatasync(file, (error) => {
      if (error) throw error;
      for (const resolve of synced) resolve();
      syncing = false;
      if (waiting.length > 0) sync();
    });
  };
  return {
    append,
    appendSynced: (entry) =>
      new Promise((resolve) => {
        append(entry);
        waiting.push(resolve);
        if (!syncing) sync();
      }),
    close: () => closeSync(file),
  };
}

/** Hands out the entries that have come since it was last asked. */
export interface JournalReader<Entry> extends Disposable {
  readNew(): Entry[];
}

export function openJournalReader<Entry>(path: string): JournalReader<Entry> {
  const file = openSync(path, "a+");
  const chunk = Buffer.alloc(64 * 1024);
  let offset = 0;
  let rest = Buffer.alloc(0);
  return {
    readNew() {
      const chunks = [rest];
      for (;;) {
        const count = readSync(file, chunk, 0, chunk.length, offset);
        if (count === 0) break;
        offset += count;
        chunks.push(Buffer.from(chunk.subarray(0, count)));
      }
      const bytes = Buffer.concat(chunks);
      const end = bytes.lastIndexOf("\n") + 1;
      rest = bytes.subarray(end);
      return bytes
        .toString("utf8", 0, end)
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Entry);
    },
    [Symbol.dispose]: () => closeSync(file),
  };
}

/** A journal that others still write to. */
export interface GrowingJournal<Entry> extends Disposable {
  /** All that stands in it by now; what was read before is not read again. */
  all(): readonly Entry[];
}

export function openGrowingJournal<Entry>(path: string): GrowingJournal<Entry> {
  const reader = openJournalReader<Entry>(path);
  const entries: Entry[] = [];
  return {
    all() {
      for (const entry of reader.readNew()) entries.push(entry);
      return entries;
    },
    [Symbol.dispose]: () => reader[Symbol.dispose](),
  };
}

/** All entries of a journal. */
export function readJournal<Entry>(path: string): Entry[] {
  using reader = openJournalReader<Entry>(path);
  return reader.readNew();
}
