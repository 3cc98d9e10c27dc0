/** What a store's threads have in common: groups of operations in, one answer each out. */
import type { MessagePort } from "node:worker_threads";
import { sqliteCode } from "./connection.ts";
import { hasFailedSync } from "./failed-sync.ts";

/** One message to a thread. */
export interface Group<Operation> {
  readonly operations: readonly Operation[];
  /** For the writer: bring the WAL back to its start first, and try that for so long. */
  readonly restartLogMs?: number | undefined;
}

export interface ThreadFailure {
  readonly message: string;
  /** SQLite's primary result code; undefined for anything else, which is a defect. */
  readonly code: number | undefined;
  /** `refused`: nothing was changed. `failed`: unknown, and the store takes no more changes. */
  readonly kind: "refused" | "failed";
}

export type Answer = { readonly value: unknown } | { readonly failure: ThreadFailure };
export type GroupAnswer = readonly Answer[];

/** How groups and answers become messages, where structured clone alone is too slow. */
export interface Codec<Operation> {
  packGroup(group: Group<Operation>): unknown;
  unpackGroup(message: unknown): Group<Operation>;
  /** One answer for each operation, in their order. */
  packAnswers(operations: readonly Operation[], answers: GroupAnswer): unknown;
  unpackAnswers(message: unknown): GroupAnswer;
  /** The memory of a packed message that is handed over instead of copied. */
  transfersOf(message: unknown): ArrayBuffer[];
}

/** Messages as they are. */
export function plainCodec<Operation>(): Codec<Operation> {
  return {
    packGroup: (group) => group,
    unpackGroup: (message) => message as Group<Operation>,
    packAnswers: (_operations, answers) => answers,
    unpackAnswers: (message) => message as GroupAnswer,
    transfersOf: () => [],
  };
}

/** Messages of a thread: ready once, then an answer a group in their order. */
export type ThreadMessage =
  | { readonly ready: true }
  | { readonly openError: ThreadFailure }
  /** Not closed, and the thread does not end: that may lose what is in the file. */
  | { readonly leftOpen: true }
  /** Packed by the codec. */
  | { readonly answers: unknown };

export const answer = {
  success: (value: unknown): Answer => ({ value }),
  failure: (error: unknown, kind: ThreadFailure["kind"]): Answer => ({ failure: describe(error, kind) }),
};

function describe(error: unknown, kind: ThreadFailure["kind"]): ThreadFailure {
  return { message: error instanceof Error ? error.message : String(error), code: sqliteCode(error), kind };
}

/**
 * Opens with `open`, then answers groups until the other side sends `null`. After a failed fsync nothing is closed, nor
 * does the thread end, which would close what it has open.
 *
 * @param path the store
 */
export function openInThread<Operation>(
  port: MessagePort,
  path: string,
  codec: Codec<Operation>,
  open: () => { run(group: Group<Operation>): GroupAnswer; close(): void },
): void {
  let opened;
  try {
    opened = open();
  } catch (error) {
    const kind = hasFailedSync(path) ? "failed" : "refused";
    port.postMessage({ openError: describe(error, kind) } satisfies ThreadMessage);
    if (kind === "refused") port.close();
    // As long as it listens, the thread lives.
    else port.on("message", () => {});
    return;
  }
  const { run, close } = opened;
  port.on("message", (message: unknown) => {
    if (message === null && hasFailedSync(path)) {
      port.postMessage({ leftOpen: true } satisfies ThreadMessage);
    } else if (message === null) {
      close();
      port.close();
    } else {
      const group = codec.unpackGroup(message);
      const answers = codec.packAnswers(group.operations, run(group));
      port.postMessage({ answers } satisfies ThreadMessage, codec.transfersOf(answers));
    }
  });
  port.postMessage({ ready: true } satisfies ThreadMessage);
}
